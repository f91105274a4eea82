"""What is replaced by itself, long before it ends: nobody has to remember it.

The new one works beside the old one for the rest of the old one's life. An issuing CA is an
administrator's decision; one that has been prepared takes over at its moment. OCSP signers are
replaced by `scep.services.ocsp`, the TLS certificate by `guardmdm.tls`.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction

from scep.errors import AuthorityInvalid
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
    ServiceCertificate,
    ServicePurpose,
)
from scep.selectors import find_next_ca, get_server_authority
from scep.services.authorities import rotate_single_authority
from scep.services.rotation import activate_authority
from scep.services.service_certificates import (
    BUILDERS,
    SERVICE_LIFETIME,
    create_service_certificate,
)

ACTOR = "GuardMDM"
# Before the first warning about certificates that expire: who gets one must really do something.
SERVICE_AHEAD = timedelta(days=180)
SINGLE_AHEAD = timedelta(days=365)
# A certificate near the end of its CA cannot be replaced by one that lives longer.
WORTHWHILE = timedelta(days=30)
logger = logging.getLogger(__name__)


def rotate_due(*, now: datetime) -> int:
    """Replace what comes to its end; activate a next CA whose moment has come. Return how many."""
    count = _activate_due(now=now)
    count += sum(_rotate_service(row, now=now) for row in _list_due_services(now=now))
    count += _rotate_single(now=now)
    return count


def _activate_due(*, now: datetime) -> int:
    authority = find_next_ca()
    if authority is None or authority.activates_at is None or authority.activates_at > now:
        return 0
    try:
        activate_authority(authority, actor=ACTOR, now=now)
    except AuthorityInvalid as refusal:  # somebody else was faster, or it has expired waiting
        logger.warning("The next CA did not take over: %s", refusal)
        return 0
    return 1


def _list_due_services(*, now: datetime) -> list[ServiceCertificate]:
    rows = ServiceCertificate.objects.filter(
        purpose__in=list(BUILDERS), is_active=True, not_after__lte=now + SERVICE_AHEAD
    )
    rows = rows.exclude(issuer__state=CertificateAuthorityState.RETIRED)
    rows = rows.select_related("issuer").defer("private_key", "issuer__private_key")
    return [row for row in rows if _is_worthwhile(row, now=now)]


def _is_worthwhile(row: ServiceCertificate, *, now: datetime) -> bool:
    end = min(now + SERVICE_LIFETIME, _get_issuer(row).not_after)
    return end - row.not_after > WORTHWHILE


def _get_issuer(row: ServiceCertificate) -> CertificateAuthority:
    if row.purpose == ServicePurpose.PROFILE_SIGNING:
        return get_server_authority()
    return row.issuer


def _rotate_service(row: ServiceCertificate, *, now: datetime) -> int:
    with transaction.atomic():
        # Two workers may sweep at once: the one whose update finds it active makes the new one.
        mine = ServiceCertificate.objects.filter(pk=row.pk, is_active=True)
        if not mine.update(is_active=False, updated_at=now):
            return 0
        create_service_certificate(ServicePurpose(row.purpose), issuer=_get_issuer(row), now=now)
    return 1


def _rotate_single(*, now: datetime) -> int:
    row = CertificateAuthority.objects.filter(
        role=CertificateAuthorityRole.SINGLE,
        state=CertificateAuthorityState.ACTIVE,
        not_after__lte=now + SINGLE_AHEAD,
    ).first()
    return int(row is not None and rotate_single_authority(row, now=now))
