"""SCEP profiles that are served here, and the CA of each."""

from datetime import datetime, timedelta

from django.db.models import Q

from organization.errors import NotSetUp
from organization.protocol.public_id import is_public_id
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
    ScepProfile,
)

PINNED_TIME = timedelta(days=7)
"""How long a retired CA still answers to devices that know no other."""
ISSUERS = (CertificateAuthorityRole.ISSUING, CertificateAuthorityRole.SINGLE)
"""Who certifies devices."""


def find_pinned_authority(*, name: str, now: datetime) -> CertificateAuthority | None:
    """Return the CA that a device asks for by its id, as its enrollment profile told it.

    A device that downloaded its profile before a rotation has pinned the old CA's fingerprint,
    and finds it here for as long as such a profile may reasonably be waiting. So does one from
    before the SCEP profile named an RA and does not any more, or reverse.
    """
    if not is_public_id(name, prefix="ca"):
        return None  # whatever a stranger writes there
    in_time = Q(state=CertificateAuthorityState.ACTIVE) | Q(
        state=CertificateAuthorityState.RETIRED, retired_at__gt=now - PINNED_TIME
    )
    return (
        CertificateAuthority.objects.filter(
            in_time, public_id=name, role__in=ISSUERS, not_after__gt=now, revoked_at=None
        )
        .select_related("parent")
        .first()
    )


def get_ca_certificate_fingerprint(scep_profile: ScepProfile) -> bytes:
    """Return SHA-256 (32 raw bytes) of the CA certificate that issues for this profile."""
    if scep_profile.is_external or scep_profile.issuing_ca is None:
        return bytes.fromhex(scep_profile.ca_fingerprint)
    return bytes.fromhex(scep_profile.issuing_ca.fingerprint)


def get_profile_authority(scep_profile: ScepProfile) -> CertificateAuthority:
    """Return the CA that issues for this profile; raises NotSetUp for an external server's."""
    if scep_profile.issuing_ca is None:
        raise NotSetUp(f"the SCEP profile {scep_profile.name} has no CA here")
    return scep_profile.issuing_ca
