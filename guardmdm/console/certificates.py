"""System › Certificates › Issued: every certificate, the device that has it, and the CSV file."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from types import SimpleNamespace
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.models import Device
from devices.selectors import find_device_ids
from enrollment.models import EnrollmentSession, EnrollmentToken
from organization.console import (
    FUTURE,
    PAST,
    ListPage,
    Sort,
    build_csv_response,
    role_required,
)
from organization.forms import ConsoleFilterSet, SearchFilter
from scep.models import CertificateStatus, IssuedCertificate, ScepProfile
from scep.services.certificate_search import find_certificate_ids

STATES = (
    ("issued", _("Valid")),
    ("expired", _("Expired")),
    ("revoked", _("Revoked")),
    ("intended", _("Being issued")),
)
SOON = (("30", _("In 30 days")), ("90", _("In 90 days")))
CHUNK = 1000
CSV_HEADER = (
    "id", "subject", "serial", "sha256_fingerprint", "status", "device", "device_serial_number",
    "scep_profile", "issued_at", "expires_at", "revoked_at", "revocation_reason",
    "token", "token_id", "session",
)  # fmt: skip

CSV_COLUMNS = (
    "pk", "public_id", "subject", "serial", "fingerprint", "status", "device_id", "session_id",
    "token_id", "not_before", "not_after", "revoked_at", "revocation_reason", "scep_profile__name",
)  # fmt: skip


class CertificateSearch(SearchFilter):
    def filter(
        self, rows: "QuerySet[IssuedCertificate]", value: str
    ) -> "QuerySet[IssuedCertificate]":
        """By what the certificate says, or a device whose name, number or owner has every word."""
        if not (value or "").strip():
            return rows
        devices = find_device_ids(value)
        return rows.filter(pk__in=find_certificate_ids(value, device_ids=devices))


class CertificateFilter(ConsoleFilterSet):
    q = CertificateSearch(placeholder=_("Search subject, serial, fingerprint, device…"))
    status = django_filters.ChoiceFilter(
        label=_("Status"), choices=STATES, method="filter_status", empty_label=_("All")
    )
    scep_profile = django_filters.ModelChoiceFilter(
        label=_("SCEP profile"),
        queryset=ScepProfile.objects.all(),
        to_field_name="public_id",
        null_label=_("None (PKCS#12)"),
        empty_label=_("All"),
    )
    expires = django_filters.ChoiceFilter(
        label=_("Expires"), choices=SOON, method="filter_expiry", empty_label=_("Any time")
    )

    class Meta:
        model = IssuedCertificate
        fields: tuple[str, ...] = ()

    def filter_status(
        self, rows: "QuerySet[IssuedCertificate]", name: str, value: str
    ) -> "QuerySet[IssuedCertificate]":
        # In the order of the indexes on status and expiry: nothing has to be sorted.
        self.ordering, now = "-not_after", timezone.now()
        if value == "expired":
            return rows.filter(status=CertificateStatus.ISSUED, not_after__lt=now)
        if value == "issued":
            return rows.filter(status=CertificateStatus.ISSUED, not_after__gte=now)
        return rows.filter(status=value)

    def filter_expiry(
        self, rows: "QuerySet[IssuedCertificate]", name: str, value: str
    ) -> "QuerySet[IssuedCertificate]":
        now = timezone.now()
        until = now + timedelta(days=int(value))
        expiring = rows.filter(not_after__gte=now, not_after__lt=until)
        self.ordering = "not_after"
        return expiring.filter(status=CertificateStatus.ISSUED)


def _list_certificates() -> "QuerySet[IssuedCertificate]":
    return (
        IssuedCertificate.objects.select_related("scep_profile")
        .only(
            "public_id", "subject", "serial", "fingerprint", "status", "device_id",
            "session_id", "token_id",
            "not_before", "not_after", "revoked_at", "revocation_reason",
            "scep_profile__public_id", "scep_profile__name",
        )
        .order_by("-pk")
    )  # fmt: skip


def add_origins(certificates: Iterable[Any]) -> None:
    """Put device and token on each certificate, None where they are not known.

    The token is its challenge's, else its session's; a query each for all rows.
    """
    wanted = {row.device_id for row in certificates} - {""}
    rows = Device.objects.filter(public_id__in=wanted).only("public_id", "name", "serial_number")
    devices = {device.public_id: device for device in rows} if wanted else {}
    tokens = find_tokens(certificates)
    for row in certificates:
        row.device, row.token = devices.get(row.device_id), tokens.get(row.pk)


def find_tokens(rows: Iterable[Any]) -> dict[int, EnrollmentToken]:
    """Return the tokens of certificates, or of requests for them, by the rows' keys."""
    sessions = {row.session_id for row in rows if not row.token_id} - {""}
    found = EnrollmentSession.objects.filter(public_id__in=sessions).order_by()
    of_session = dict(found.values_list("public_id", "token__jti")) if sessions else {}
    jtis = {row.pk: row.token_id or of_session.get(row.session_id, "") for row in rows}
    wanted = set(jtis.values()) - {""}
    tokens = EnrollmentToken.objects.filter(jti__in=wanted).only("jti", "name")
    by_jti = {token.jti: token for token in tokens} if wanted else {}
    return {key: by_jti[jti] for key, jti in jtis.items() if jti in by_jti}


ISSUED = Sort("created_at", _("Issued"), PAST, ("pk",))
EXPIRES = Sort(
    "not_after",
    _("Expires"),
    FUTURE,
    ("not_after", "pk"),
    shares=tuple(Q(status=each) for each in CertificateStatus.values),  # their index begins with it
)
CERTIFICATES = ListPage(
    title=_("Certificates"),
    path=(_("System"),),
    columns=(
        _("Certificate"),
        _("Device"),
        _("SCEP profile, token"),
        ISSUED,
        EXPIRES,
        _("Status"),
    ),
    default_ordering="-created_at",
    template="console/certificate/list.html",
    row_template="console/certificate/row.html",
    get_rows=_list_certificates,
    complete=add_origins,
    filterset=CertificateFilter,
    is_huge=True,
    export_view="console:certificates-export",
    empty_title=_("No certificates yet"),
    empty_text=_("Every device that enrolls gets one. Generate a token, then open its link."),
)


@role_required()
def list_certificates(request: HttpRequest) -> HttpResponse:
    return CERTIFICATES.render(request)


@role_required()
def export_certificates(request: HttpRequest) -> HttpResponseBase:
    """Send what the filters show, however long."""
    rows = _build_csv_rows(CERTIFICATES.order_rows(request))
    return build_csv_response("certificates", header=CSV_HEADER, rows=rows)


def _build_csv_rows(certificates: "QuerySet[IssuedCertificate]") -> Iterator[tuple[Any, ...]]:
    """Yield a line for each, of its columns alone: to make rows of them takes twice as long."""
    found = certificates.values(*CSV_COLUMNS).iterator(chunk_size=CHUNK)
    while chunk := [SimpleNamespace(**values) for values in islice(found, CHUNK)]:
        add_origins(chunk)
        yield from map(_build_csv_row, chunk)


def _build_csv_row(row: Any) -> tuple[Any, ...]:
    return (
        row.public_id, row.subject, row.serial, row.fingerprint, row.status, row.device,
        row.device.serial_number if row.device else "", row.scep_profile__name,
        row.not_before, row.not_after, row.revoked_at, row.revocation_reason,
        row.token, row.token.jti if row.token else "", row.session_id,
    )  # fmt: skip
