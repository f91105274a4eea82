"""First-time set-up: the two CAs, the server's own certificates and one SCEP profile."""

from datetime import datetime

from django.db import transaction

from organization.errors import NotSetUp
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    ScepProfile,
    ServiceCertificate,
    ServicePurpose,
)
from scep.selectors import get_issuing_ca, get_root_ca, get_server_authority
from scep.services.authorities import DEFAULT_KEY_TYPE, create_authority, create_root_authority
from scep.services.service_certificates import create_service_certificate

DEFAULT_PROFILE = "Default"


def ensure_authorities(
    organization_name: str, *, now: datetime, key_type: str = DEFAULT_KEY_TYPE
) -> CertificateAuthority:
    """Make what is missing of root CA, issuing CA, RA and profile signer; return the issuing CA.

    `key_type` (one of KEY_TYPES) is a new issuing CA's; one that is there stays as it is.
    """
    with transaction.atomic():
        _ensure_root(organization_name, now=now)
        issuing = _ensure_issuing(organization_name, key_type=key_type, now=now)
        signers = {
            ServicePurpose.SCEP_RA: issuing,
            ServicePurpose.PROFILE_SIGNING: get_server_authority(),
        }
        for purpose, issuer in signers.items():
            known = ServiceCertificate.objects.filter(purpose=purpose, is_active=True)
            if purpose == ServicePurpose.SCEP_RA:
                known = known.filter(issuer=issuing)
            if not known.exists():
                create_service_certificate(
                    purpose, issuer=issuer, organization_name=organization_name, now=now
                )
    return issuing


def ensure_default_profile() -> ScepProfile:
    """Return the SCEP profile "Default" (dynamic challenges), made when missing."""
    profile, _ = ScepProfile.objects.get_or_create(
        name=DEFAULT_PROFILE, defaults={"issuing_ca": get_issuing_ca()}
    )
    return profile


def _ensure_root(organization_name: str, *, now: datetime) -> CertificateAuthority:
    try:
        return get_root_ca()
    except NotSetUp:
        return create_root_authority(organization_name, now=now)


def _ensure_issuing(
    organization_name: str, *, key_type: str, now: datetime
) -> CertificateAuthority:
    try:
        return get_issuing_ca()
    except NotSetUp:
        return create_authority(
            CertificateAuthorityRole.ISSUING,
            organization_name=organization_name,
            key_type=key_type,
            now=now,
        )
