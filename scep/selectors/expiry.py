"""What is in use and ends soon."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models

from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
    ServiceCertificate,
)
from scep.selectors.authorities import list_chain


@dataclass(frozen=True)
class ExpiringCertificate:
    """A certificate near its end. `kind`: a CA's role or a service's purpose; `days` left, whole.

    `is_automatic`: it should have been replaced by itself long ago.
    """

    row: CertificateAuthority | ServiceCertificate
    name: str
    kind: str
    not_after: datetime
    days: int
    is_automatic: bool


def list_expiring(*, now: datetime, within: timedelta) -> list[ExpiringCertificate]:
    """Return what is in use and ends `within` from now, the first to end first.

    CAs above an imported one count too, and those of external servers that a SCEP profile trusts:
    with them end the identities that they signed. Retired CAs have nothing more to do than to end.
    """
    working = CertificateAuthority.objects.exclude(role=CertificateAuthorityRole.EXTERNAL)
    working = working.exclude(state=CertificateAuthorityState.RETIRED).filter(
        private_key__isnull=False
    )
    authorities = {row.pk for each in working.defer("private_key") for row in list_chain(each)}
    authorities |= _list_trusted()
    services = ServiceCertificate.objects.filter(is_active=True).exclude(
        issuer__state=CertificateAuthorityState.RETIRED
    )
    found = [
        *_describe_expiry(
            CertificateAuthority.objects.filter(pk__in=authorities), now=now, until=now + within
        ),
        *_describe_expiry(services, now=now, until=now + within),
    ]
    return sorted(found, key=lambda each: each.not_after)


def _list_trusted() -> set[int]:
    """Return the trusted CAs of others, but for those that have been certified again.

    Where the same SCEP profile trusts the new certificate: another one may trust another CA that
    happens to have the name, and one that trusts the old certificate alone lets nobody in by it.
    """
    rows = CertificateAuthority.objects.filter(
        role=CertificateAuthorityRole.EXTERNAL, trusting_profiles__isnull=False
    )
    newest: dict[tuple[int, str], int] = {}
    columns = rows.order_by("not_after").values_list("trusting_profiles", "name", "pk")
    for profile, name, pk in columns:
        newest[profile, name] = pk
    return set(newest.values())


def _describe_expiry(
    rows: models.QuerySet[CertificateAuthority] | models.QuerySet[ServiceCertificate],
    *,
    now: datetime,
    until: datetime,
) -> list[ExpiringCertificate]:
    ending = rows.filter(not_after__lte=until).defer("private_key", "certificate")
    return [
        ExpiringCertificate(
            row=row,
            name=str(row),
            kind=row.role if isinstance(row, CertificateAuthority) else row.purpose,
            not_after=row.not_after,
            days=max((row.not_after - now).days, 0),
            is_automatic=isinstance(row, ServiceCertificate),
        )
        for row in ending
    ]
