"""First-time set-up: the two CAs, the server's own certificates and one SCEP profile."""

import secrets
from datetime import datetime, timedelta

from django.db import transaction

from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
    ScepProfile,
    ServiceCertificate,
    ServicePurpose,
)
from scep.protocol.certificates import (
    encode_certificate,
    encode_private_key,
    fingerprint,
    generate_private_key,
)
from scep.protocol.issuing import (
    MAX_NAME_BYTES,
    SERIAL_BITS,
    Subject,
    build_issuing_certificate,
    build_profile_signing_certificate,
    build_ra_certificate,
    build_root_certificate,
    build_validity,
    cut_text,
)
from scep.selectors import get_issuing_ca, get_signer

ROOT_LIFETIME = timedelta(days=20 * 365)
ISSUING_LIFETIME = timedelta(days=10 * 365)
SERVICE_LIFETIME = timedelta(days=5 * 365)
# RSA throughout: several SCEP clients encrypt to every certificate that GetCACert returns.
KEY_BITS = 2048
DEFAULT_PROFILE = "Default"
OWN_PURPOSES = (ServicePurpose.SCEP_RA, ServicePurpose.PROFILE_SIGNING)


def ensure_authorities(organization_name: str, *, now: datetime) -> CertificateAuthority:
    """Make what is missing of root CA, issuing CA, RA and profile signer; return the issuing CA."""
    with transaction.atomic():
        root = _find_authority(CertificateAuthorityRole.ROOT)
        root = root or _create_root(organization_name, now=now)
        issuing = _find_authority(CertificateAuthorityRole.ISSUING)
        issuing = issuing or _create_issuing(organization_name, root=root, now=now)
        for purpose in OWN_PURPOSES:
            if not ServiceCertificate.objects.filter(purpose=purpose, is_active=True).exists():
                create_service_certificate(
                    purpose, issuer=issuing, organization_name=organization_name, now=now
                )
    return issuing


def ensure_default_profile() -> ScepProfile:
    """Return the SCEP profile "Default" (dynamic challenges), made when missing."""
    profile, _ = ScepProfile.objects.get_or_create(
        name=DEFAULT_PROFILE, defaults={"issuing_ca": get_issuing_ca()}
    )
    return profile


def create_service_certificate(
    purpose: ServicePurpose,
    *,
    issuer: CertificateAuthority,
    organization_name: str,
    now: datetime,
) -> ServiceCertificate:
    """Make a new key and certificate for one of this server's own jobs."""
    build = {
        ServicePurpose.SCEP_RA: build_ra_certificate,
        ServicePurpose.PROFILE_SIGNING: build_profile_signing_certificate,
    }[purpose]
    key = generate_private_key(bits=KEY_BITS)
    certificate = build(
        key.public_key(),
        issuer=get_signer(issuer),
        subject=_name(organization_name, role=purpose.label),
        serial=secrets.randbits(SERIAL_BITS) | 1,
        validity=build_validity(now, lifetime=SERVICE_LIFETIME),
    )
    der = encode_certificate(certificate)
    return ServiceCertificate.objects.create(
        purpose=purpose,
        issuer=issuer,
        certificate=der,
        fingerprint=fingerprint(der),
        serial=f"{certificate.serial_number:x}",
        private_key=encode_private_key(key),
        not_after=certificate.not_valid_after_utc,
    )


def _find_authority(role: CertificateAuthorityRole) -> CertificateAuthority | None:
    rows = CertificateAuthority.objects.filter(role=role, state=CertificateAuthorityState.ACTIVE)
    return rows.order_by("-id").first()


def _create_root(organization_name: str, *, now: datetime) -> CertificateAuthority:
    key = generate_private_key(bits=KEY_BITS)
    subject = _name(organization_name, role="Root CA")
    certificate = build_root_certificate(
        key,
        subject=subject,
        serial=secrets.randbits(SERIAL_BITS) | 1,
        validity=build_validity(now, lifetime=ROOT_LIFETIME),
    )
    der = encode_certificate(certificate)
    return CertificateAuthority.objects.create(
        role=CertificateAuthorityRole.ROOT,
        name=subject.common_name,
        certificate=der,
        fingerprint=fingerprint(der),
        private_key=encode_private_key(key),
        not_after=certificate.not_valid_after_utc,
    )


def _create_issuing(
    organization_name: str, *, root: CertificateAuthority, now: datetime
) -> CertificateAuthority:
    key = generate_private_key(bits=KEY_BITS)
    subject = _name(organization_name, role="Issuing CA")
    certificate = build_issuing_certificate(
        key.public_key(),
        issuer=get_signer(root),
        subject=subject,
        serial=secrets.randbits(SERIAL_BITS) | 1,
        validity=build_validity(now, lifetime=ISSUING_LIFETIME),
    )
    der = encode_certificate(certificate)
    return CertificateAuthority.objects.create(
        role=CertificateAuthorityRole.ISSUING,
        parent=root,
        name=subject.common_name,
        certificate=der,
        fingerprint=fingerprint(der),
        private_key=encode_private_key(key),
        not_after=certificate.not_valid_after_utc,
    )


def _name(organization_name: str, *, role: str) -> Subject:
    """Return a subject whose common name keeps the role even where the name is long."""
    room = MAX_NAME_BYTES - len(role.encode()) - 1
    return Subject(f"{cut_text(organization_name, size=room)} {role}", organization_name)
