"""What one device has reported, a page for each set of facts, and how fresh it is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _

from devices.models import Device, DeviceCertificate, Enrollment, InstalledApplication
from devices.selectors import find_live_enrollment, is_asked_for_everything, list_questions
from devices.services.queries import REQUEST_TYPES, find_right_refusal
from guardmdm.console.facts import describe_information, describe_security, list_answer
from organization.console import FUTURE, SIZE, WORDS, ListPage, Sort, role_required
from organization.forms import ConsoleFilterSet, SearchFilter


class ApplicationFilter(ConsoleFilterSet):
    q = SearchFilter(
        "version__name", "version__title__identifier", placeholder=_("Search name, identifier…")
    )

    class Meta:
        model = InstalledApplication
        fields: tuple[str, ...] = ()


class CertificateFilter(ConsoleFilterSet):
    q = SearchFilter(
        "common_name", "subject", "issuer", "sha256", placeholder=_("Search name, issuer…")
    )

    class Meta:
        model = DeviceCertificate
        fields: tuple[str, ...] = ()


TABS = {
    "information": _("Details"),
    "security": _("Security"),
    "apps": _("Apps"),
    "profiles": _("Profiles"),
    "certificates": _("Certificates"),
    "users": _("Users"),
}
APPS = ListPage(
    title=_("Apps"),
    columns=(
        Sort("name", _("App"), WORDS, ("version__name", "pk")),
        _("Version"),
        _("Source"),
        Sort("size", _("Size"), SIZE, ("bundle_size", "pk"), none_is="lowest"),
    ),
    default_ordering="name",
    template="console/device/reported_list.html",
    row_template="console/device/app_row.html",
    get_rows=InstalledApplication.objects.none,
    filterset=ApplicationFilter,
    empty_title=_("No apps"),
    empty_text=_("The device has listed none."),
)
CERTIFICATES = ListPage(
    title=_("Certificates"),
    columns=(
        Sort("name", _("Certificate"), WORDS, ("common_name", "pk")),
        _("Issuer"),
        Sort("not_after", _("Expires"), FUTURE, ("not_after", "pk"), none_is="highest"),
    ),
    template="console/device/reported_list.html",
    row_template="console/device/certificate_row.html",
    get_rows=DeviceCertificate.objects.none,
    filterset=CertificateFilter,
    empty_title=_("No certificates"),
    empty_text=_("The device has listed none."),
)


def _get_device(key: str) -> Device:
    return get_object_or_404(Device.objects.select_related("group"), public_id=key)


def _describe_freshness(
    device: Device, *, facts: str, reported_at: datetime | None
) -> dict[str, Any]:
    """Return what the page says about when this was reported, or why it was not."""
    enrollment = find_live_enrollment(device)
    return {
        "device": device,
        "tab": facts,
        "tab_title": TABS[facts],
        "reported_at": reported_at,
        "is_enrolled": enrollment is not None,
        "missing_right": find_right_refusal(enrollment, name=facts) if enrollment else "",
        "question": list_questions(device, enrollment, request_type=REQUEST_TYPES[facts]).first(),
        "is_asked_for_everything": is_asked_for_everything(device),
    }


@role_required()
def show_information(request: HttpRequest, key: str) -> HttpResponse:
    device = _get_device(key)
    context = _describe_freshness(
        device, facts="information", reported_at=device.information_reported_at
    )
    context |= {"facts": describe_information(device), "answer": list_answer(device.information)}
    return render(request, "console/device/facts.html", context)


@role_required()
def show_security(request: HttpRequest, key: str) -> HttpResponse:
    device = _get_device(key)
    context = _describe_freshness(device, facts="security", reported_at=device.security_reported_at)
    context |= {"facts": describe_security(device), "answer": list_answer(device.security)}
    return render(request, "console/device/facts.html", context)


@role_required()
def show_users(request: HttpRequest, key: str) -> HttpResponse:
    device = _get_device(key)
    context = _describe_freshness(device, facts="users", reported_at=device.users_reported_at)
    return render(request, "console/device/users.html", context | {"users": device.users})


@role_required()
def show_profiles(request: HttpRequest, key: str) -> HttpResponse:
    device = _get_device(key)
    enrollment = Enrollment.objects.filter(device=device).first()
    reported_at = enrollment.profiles_reported_at if enrollment else None
    context = _describe_freshness(device, facts="profiles", reported_at=reported_at)
    context |= {"profiles": enrollment.reported_profiles if enrollment else []}
    return render(request, "console/device/profiles.html", context)


@role_required()
def list_apps(request: HttpRequest, key: str) -> HttpResponse:
    device = _get_device(key)
    rows = device.applications.select_related("version__title")
    page = replace(APPS, get_rows=_ordering(rows, "version__name", "id"))
    context = _describe_freshness(device, facts="apps", reported_at=device.applications_reported_at)
    return page.render(request, **context)


@role_required()
def list_certificates(request: HttpRequest, key: str) -> HttpResponse:
    device = _get_device(key)
    rows = device.certificates.all()
    page = replace(CERTIFICATES, get_rows=_ordering(rows, "-is_identity", "common_name", "id"))
    reported_at = device.certificates_reported_at
    context = _describe_freshness(device, facts="certificates", reported_at=reported_at)
    return page.render(request, **context)


def _ordering(rows: "QuerySet[Any]", *columns: str) -> Callable[[], "QuerySet[Any]"]:
    return lambda: rows.order_by(*columns)
