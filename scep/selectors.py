"""Reads of the certificate authority: the active CAs and service certificates, and identities."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

from organization.errors import NotSetUp
from scep.errors import IdentityNotTrusted, IdentityRevoked
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateAuthorityState,
    CertificateStatus,
    IssuedCertificate,
    ScepProfile,
    ScepServerType,
    ServiceCertificate,
    ServicePurpose,
)
from scep.protocol.certificates import (
    decode_certificate,
    decode_private_key,
    decode_rsa_key,
    encode_certificate,
    fingerprint,
)
from scep.protocol.issuing import Links, Signer

CLOCK_LEEWAY = timedelta(minutes=10)


@dataclass(frozen=True)
class ServiceIdentity:
    """A certificate and key of this server, and the CAs above it, issuing CA first."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    chain: tuple[x509.Certificate, ...]


def get_root_ca() -> CertificateAuthority:
    """Return the active root CA; raises NotSetUp."""
    return _get_active_ca(CertificateAuthorityRole.ROOT)


def get_issuing_ca() -> CertificateAuthority:
    """Return the active issuing CA; raises NotSetUp."""
    return _get_active_ca(CertificateAuthorityRole.ISSUING)


def get_ca_certificate_fingerprint(scep_profile: ScepProfile) -> bytes:
    """Return SHA-256 (32 raw bytes) of the CA certificate that issues for this profile."""
    if scep_profile.server_type == ScepServerType.EXTERNAL or scep_profile.issuing_ca is None:
        return bytes.fromhex(scep_profile.ca_fingerprint)
    return bytes.fromhex(scep_profile.issuing_ca.fingerprint)


def get_profile_authority(scep_profile: ScepProfile) -> CertificateAuthority:
    """Return the CA that issues for this profile; raises NotSetUp for an external server's."""
    if scep_profile.issuing_ca is None:
        raise NotSetUp(f"the SCEP profile {scep_profile.name} has no CA here")
    return scep_profile.issuing_ca


def get_signer(authority: CertificateAuthority) -> Signer:
    """Return the CA's certificate and key, ready to sign; raises NotSetUp without a key."""
    if not authority.private_key:
        raise NotSetUp(f"the key of {authority.name} is not here")
    return Signer(
        get_certificate(authority),
        decode_private_key(bytes(authority.private_key)),
        build_links(authority),
    )


def build_links(authority: CertificateAuthority) -> Links:
    """Return the URLs that stand in every certificate of this CA."""
    base, name = f"{settings.BASE_URL}/pki", authority.public_id
    return Links(f"{base}/crl/{name}.crl", f"{base}/ocsp/{name}", f"{base}/ca/{name}.cer")


def get_certificate(
    row: CertificateAuthority | ServiceCertificate | IssuedCertificate,
) -> x509.Certificate:
    """Return the row's certificate, parsed; raises ValueError where it has none yet."""
    return decode_certificate(bytes(row.certificate or b""))


def get_service_identity(
    purpose: ServicePurpose, *, issuer: CertificateAuthority | None = None
) -> ServiceIdentity:
    """Return the newest active certificate for `purpose` (below `issuer`); raises NotSetUp."""
    rows = ServiceCertificate.objects.filter(purpose=purpose, is_active=True)
    if issuer is not None:
        rows = rows.filter(issuer=issuer)
    rows = rows.select_related("issuer__parent").defer(
        "issuer__private_key", "issuer__parent__private_key"
    )
    row = rows.order_by("-id").first()
    if row is None:
        raise NotSetUp(f"there is no certificate for {purpose.label}: run manage.py bootstrap")
    key = decode_rsa_key(bytes(row.private_key or b""))
    return ServiceIdentity(get_certificate(row), key, _get_chain(row.issuer))


def verify_identity(
    certificate: x509.Certificate, *, now: datetime, leeway: timedelta = CLOCK_LEEWAY
) -> IssuedCertificate:
    """Return the row of an identity certificate that we issued and that is valid `now`.

    Found by the SHA-256 of the whole certificate; the issuer's signature is checked again.
    Raises IdentityRevoked, or IdentityNotTrusted for everything else.
    """
    row = (
        IssuedCertificate.objects.select_related("issuer")
        .defer("issuer__private_key")
        .filter(fingerprint=fingerprint(encode_certificate(certificate)))
        .first()
    )
    if row is None:
        raise IdentityNotTrusted("the certificate was not issued here")
    if row.status == CertificateStatus.REVOKED:
        raise IdentityRevoked(f"the certificate was revoked ({row.revocation_reason})")
    if row.status != CertificateStatus.ISSUED:
        raise IdentityNotTrusted("the certificate was never handed out")
    _verify_issuer(certificate, issuer=get_certificate(row.issuer))
    if now < certificate.not_valid_before_utc - leeway:
        raise IdentityNotTrusted("the certificate is not valid yet")
    if now > certificate.not_valid_after_utc + leeway:
        raise IdentityNotTrusted("the certificate has expired")
    return row


def _get_active_ca(role: CertificateAuthorityRole) -> CertificateAuthority:
    row = (
        CertificateAuthority.objects.select_related("parent")
        .filter(role=role, state=CertificateAuthorityState.ACTIVE)
        .order_by("-id")
        .first()
    )
    if row is None:
        raise NotSetUp("there is no certificate authority yet: run manage.py bootstrap")
    return row


def _get_chain(issuer: CertificateAuthority) -> tuple[x509.Certificate, ...]:
    above = (get_certificate(issuer.parent),) if issuer.parent else ()
    return (get_certificate(issuer), *above)


def _verify_issuer(certificate: x509.Certificate, *, issuer: x509.Certificate) -> None:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise IdentityNotTrusted("the certificate's signature is not our CA's") from error
