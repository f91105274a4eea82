"""Certificates of this server itself: made, and replaced with overlap."""

import secrets
from datetime import datetime, timedelta

from cryptography import x509
from django.db import transaction

from organization.selectors import get_organization
from organization.services import audit
from scep.errors import AuthorityInvalid
from scep.models import CertificateAuthority, ServiceCertificate, ServicePurpose
from scep.protocol.certificates import (
    PrivateKey,
    encode_certificate,
    encode_private_key,
    fingerprint,
    generate_private_key,
)
from scep.protocol.issuing import (
    SERIAL_BITS,
    build_profile_signing_certificate,
    build_ra_certificate,
    build_validity,
)
from scep.selectors import get_issuing_ca, get_server_authority, get_signer
from scep.services.authorities import build_name

SERVICE_LIFETIME = timedelta(days=5 * 365)
# RSA whatever the CA has: SCEP requests can be encrypted to nothing else.
KEY_BITS = 2048
BUILDERS = {
    ServicePurpose.SCEP_RA: build_ra_certificate,
    ServicePurpose.PROFILE_SIGNING: build_profile_signing_certificate,
}


def create_service_certificate(
    purpose: ServicePurpose,
    *,
    issuer: CertificateAuthority,
    now: datetime,
    organization_name: str | None = None,
) -> ServiceCertificate:
    """Make a new key and certificate for one of this server's own jobs below `issuer`."""
    signer = get_signer(issuer)
    key = generate_private_key(bits=KEY_BITS)
    certificate = BUILDERS[purpose](
        key.public_key(),
        issuer=signer,
        subject=build_name(organization_name or get_organization().name, role=purpose.label),
        serial=secrets.randbits(SERIAL_BITS) | 1,
        validity=build_validity(
            now, lifetime=SERVICE_LIFETIME, limit=signer.certificate.not_valid_after_utc
        ),
    )
    return store_service_certificate(purpose, issuer=issuer, certificate=certificate, key=key)


def store_service_certificate(
    purpose: ServicePurpose,
    *,
    issuer: CertificateAuthority,
    certificate: x509.Certificate,
    key: PrivateKey | None,
) -> ServiceCertificate:
    """Store a certificate of this server itself, with its `key` unless that is kept elsewhere."""
    der = encode_certificate(certificate)
    return ServiceCertificate.objects.create(
        purpose=purpose,
        issuer=issuer,
        certificate=der,
        fingerprint=fingerprint(der),
        serial=f"{certificate.serial_number:x}",
        private_key=encode_private_key(key) if key else None,
        not_after=certificate.not_valid_after_utc,
    )


def replace_service_certificate(
    purpose: ServicePurpose, *, issuer: CertificateAuthority, now: datetime
) -> ServiceCertificate:
    """Make a new certificate for `purpose`; the earlier ones sign no more.

    They are kept: what they signed verifies, and what was encrypted to them opens, until they
    expire. An RA replaces those of its own CA only.
    """
    with transaction.atomic():
        earlier = ServiceCertificate.objects.filter(purpose=purpose, is_active=True)
        if purpose == ServicePurpose.SCEP_RA:
            earlier = earlier.filter(issuer=issuer)
        earlier.update(is_active=False, updated_at=now)
        return create_service_certificate(purpose, issuer=issuer, now=now)


def rotate_service_certificate(
    purpose: ServicePurpose, *, actor: str, now: datetime
) -> ServiceCertificate:
    """Replace the active RA or profile signer by a new one; audited.

    Raises AuthorityInvalid for purposes that look after themselves, NotSetUp.
    """
    if purpose not in BUILDERS:
        raise AuthorityInvalid(
            f"A certificate for {purpose.label} is replaced by itself.", field="purpose"
        )
    issuer = get_issuing_ca() if purpose == ServicePurpose.SCEP_RA else get_server_authority()
    with transaction.atomic():
        row = replace_service_certificate(purpose, issuer=issuer, now=now)
        audit.record(
            actor,
            action="service_certificate.rotate",
            subject_id=row.public_id,
            subject=str(row),
            detail={"fingerprint": row.fingerprint},
        )
    return row
