"""Whose certificate is it? Ours, or one that a trusted external CA has signed."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID
from django.db import IntegrityError, transaction

from scep.errors import IdentityNotTrusted, IdentityRevoked
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateStatus,
    IssuedCertificate,
    ScepProfile,
)
from scep.protocol.certificates import encode_certificate, encode_public_key, fingerprint
from scep.protocol.foreign_identity import names_issuer, verify_foreign_identity
from scep.protocol.names import describe_name
from scep.selectors import (
    CLOCK_LEEWAY,
    find_identity,
    get_certificate,
    is_compromised,
    verify_found_identity,
)
from scep.services.verified_identities import VerifiedIssuer, remember_issuer

MAX_SUBJECT = 255
SERIAL_TAKEN = "its CA has given this serial number to another"


def identify(
    certificate: x509.Certificate, *, now: datetime, leeway: timedelta = CLOCK_LEEWAY
) -> IssuedCertificate:
    """Return the row of an identity certificate, ours or a trusted CA's; a new one's is made.

    The caller has proved that the sender holds its key. Whether the CA is trusted is asked each
    time: one that no SCEP profile trusts any more ends its certificates at once.
    Raises IdentityRevoked, or IdentityNotTrusted for everything else.
    """
    digest = fingerprint(encode_certificate(certificate))
    row = find_identity(digest)
    if row is None:
        row = _record(certificate, digest=digest, now=now, leeway=leeway)
    elif row.issuer.role == CertificateAuthorityRole.EXTERNAL:
        _verify_known(row, certificate=certificate, now=now, leeway=leeway)
    verify_found_identity(row, certificate=certificate, now=now, leeway=leeway)
    is_external = row.issuer.role == CertificateAuthorityRole.EXTERNAL
    remember_issuer(digest, issuer=VerifiedIssuer(row.issuer.fingerprint, is_external=is_external))
    return row


def get_common_name(certificate: IssuedCertificate) -> str:
    """Return the (first) common name that the certificate bears, "" where it has none."""
    names = get_certificate(certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def is_trusted_by(scep_profile: ScepProfile, *, issuer_id: str) -> bool:
    """Whether the profile trusts identities of the CA `ca_…`."""
    return scep_profile.trusted_cas.filter(public_id=issuer_id).exists()


def note_enrollment(
    *, certificate_sha256: str, scep_profile: ScepProfile, session_id: str, token_id: str
) -> None:
    """Note which enrollment an external CA's certificate has turned out to belong to."""
    IssuedCertificate.objects.filter(
        fingerprint=certificate_sha256, issuer__role=CertificateAuthorityRole.EXTERNAL
    ).update(scep_profile=scep_profile, session_id=session_id, token_id=token_id)


def _record(
    certificate: x509.Certificate, *, digest: str, now: datetime, leeway: timedelta
) -> IssuedCertificate:
    issuer = _find_issuer(certificate, now=now, leeway=leeway)
    key_id = _digest_key(certificate)
    if is_compromised(key_id):
        raise IdentityRevoked("a certificate of its key was revoked as compromised")
    profile = issuer.trusting_profiles.order_by("id").first()
    try:
        with transaction.atomic():
            row, _ = IssuedCertificate.objects.get_or_create(
                fingerprint=digest,
                defaults={
                    "issuer": issuer,
                    "scep_profile": profile,
                    "status": CertificateStatus.ISSUED,
                    "serial": f"{certificate.serial_number:x}",
                    "subject": describe_name(certificate.subject)[:MAX_SUBJECT],
                    "certificate": encode_certificate(certificate),
                    "public_key_sha256": key_id,
                    "not_before": certificate.not_valid_before_utc,
                    "not_after": certificate.not_valid_after_utc,
                },
            )
    except IntegrityError as error:
        raise IdentityNotTrusted(SERIAL_TAKEN) from error
    return row


def _verify_known(
    row: IssuedCertificate, *, certificate: x509.Certificate, now: datetime, leeway: timedelta
) -> None:
    """Verify what has been recorded; its CA may have been certified again since, with its key.

    The newer certificate vouches for it then: the older one has expired, or was left out when the
    newer one was trusted. Raises IdentityNotTrusted.
    """
    try:
        _verify(certificate, issuer=row.issuer, now=now, leeway=leeway)
    except IdentityNotTrusted as refusal:
        try:
            issuer = _find_issuer(certificate, now=now, leeway=leeway)
        except IdentityNotTrusted:
            raise refusal from None
        _move(row, issuer=issuer)


def _move(row: IssuedCertificate, *, issuer: CertificateAuthority) -> None:
    row.issuer = issuer
    try:
        with transaction.atomic():
            row.save(update_fields=["issuer", "updated_at"])
    except IntegrityError as error:
        raise IdentityNotTrusted(SERIAL_TAKEN) from error


def _digest_key(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    return fingerprint(encode_public_key(key))  # type: ignore[arg-type]  # RSA or EC: it signed


def _find_issuer(
    certificate: x509.Certificate, *, now: datetime, leeway: timedelta
) -> CertificateAuthority:
    """Return the trusted CA that signed the certificate; raises IdentityNotTrusted."""
    refusal = IdentityNotTrusted("the certificate was issued neither here nor by a trusted CA")
    for issuer in _list_trusted():
        if not names_issuer(certificate, issuer=get_certificate(issuer)):
            continue
        try:
            _verify(certificate, issuer=issuer, now=now, leeway=leeway)
        except IdentityNotTrusted as error:
            # Another CA of the same name may have signed it: a renewed one.
            refusal = error
            continue
        return issuer
    raise refusal


def _list_trusted() -> list[CertificateAuthority]:
    rows = CertificateAuthority.objects.filter(
        role=CertificateAuthorityRole.EXTERNAL, trusting_profiles__isnull=False
    )
    return list(rows.distinct().order_by("-id"))


def _verify(
    certificate: x509.Certificate,
    *,
    issuer: CertificateAuthority,
    now: datetime,
    leeway: timedelta,
) -> None:
    if not issuer.trusting_profiles.exists():
        raise IdentityNotTrusted("no SCEP profile trusts the certificate's CA any more")
    verify_foreign_identity(certificate, issuer=get_certificate(issuer), now=now, leeway=leeway)
