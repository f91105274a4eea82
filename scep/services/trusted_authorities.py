"""CAs of others whose identity certificates are trusted: read, checked, stored without a key."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from scep.errors import ProfileInvalid
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityRole,
    CertificateStatus,
    IssuedCertificate,
    ScepProfile,
)
from scep.protocol.ca_answer import is_authority, is_same_authority
from scep.protocol.certificates import encode_certificate, fingerprint
from scep.protocol.names import describe_name
from scep.protocol.reading import refusing
from scep.selectors import get_certificate

MAX_PEM = 200_000
MAX_AUTHORITIES = 20
MIN_RSA_BITS = 2048
MAX_NAME = 200


def read_authorities(pem: str, *, now: datetime) -> list[x509.Certificate]:
    """Return the CA certificates of a PEM text; raises ProfileInvalid for anything else in it."""
    if len(pem) > MAX_PEM:
        raise _refuse("The trusted CA certificates are too large.")
    with refusing(_refuse, "The trusted CA certificates cannot be read as PEM."):
        found = x509.load_pem_x509_certificates(pem.encode())
        if len(found) > MAX_AUTHORITIES:
            raise _refuse(f"At most {MAX_AUTHORITIES} CA certificates can be trusted.")
        for certificate in found:
            _check_authority(certificate, now=now)
    return list(dict.fromkeys(found))


def store_authorities(certificates: Sequence[x509.Certificate]) -> list[CertificateAuthority]:
    """Return the rows of other people's CAs, made where missing; raises ProfileInvalid for ours."""
    return [_store(certificate) for certificate in certificates]


def propose_authorities(
    certificates: Iterable[x509.Certificate], *, trusting: ScepProfile | None, now: datetime
) -> list[x509.Certificate]:
    """Return the CAs to trust for a server that shows these: none of this server's own.

    An external server's chain may end in the root that an imported CA has brought along, or in one
    that read_authorities refuses; that is left out while something is left. What the profile trusts
    now comes along, for devices have identities of it.
    """
    trusted = trusting.trusted_cas.order_by("id") if trusting is not None and trusting.pk else ()
    shown = [each for each in certificates if is_authority(each)]
    every = (*shown, *(get_certificate(row) for row in trusted))
    fit = [each for each in every if _is_acceptable(each, now=now)] or shown
    digests = {fingerprint(encode_certificate(each)): each for each in fit}
    ours = CertificateAuthority.objects.exclude(role=CertificateAuthorityRole.EXTERNAL)
    known = set(ours.filter(fingerprint__in=digests).values_list("fingerprint", flat=True))
    return [each for digest, each in digests.items() if digest not in known]


def list_trust_warnings(scep_profile: ScepProfile, *, now: datetime) -> list[str]:
    """Return which CAs the profile's devices have identities of, and are refused for it."""
    if not scep_profile.is_external:
        return []
    strangers = CertificateAuthority.objects.filter(role=CertificateAuthorityRole.EXTERNAL)
    trusted = [get_certificate(row) for row in strangers.exclude(trusting_profiles=None).distinct()]
    return [
        f"Devices have identities of “{row.name}”, which no SCEP profile trusts any more: they are "
        "refused. Add its certificate to the trusted ones, or let these devices enroll again."
        for row in strangers.filter(trusting_profiles=None).order_by("id")
        if not any(is_same_authority(get_certificate(row), each) for each in trusted)
        and _has_identities(row, scep_profile=scep_profile, now=now)
    ]


def _has_identities(
    authority: CertificateAuthority, *, scep_profile: ScepProfile, now: datetime
) -> bool:
    return IssuedCertificate.objects.filter(
        issuer=authority,
        scep_profile=scep_profile,
        status=CertificateStatus.ISSUED,
        not_after__gt=now,
    ).exists()


def forget_unused_authorities() -> None:
    """Delete external CAs that no profile trusts, no certificate names and no CA stands on."""
    CertificateAuthority.objects.filter(
        role=CertificateAuthorityRole.EXTERNAL, trusting_profiles=None, issued=None, children=None
    ).delete()


def _store(certificate: x509.Certificate) -> CertificateAuthority:
    der = encode_certificate(certificate)
    row, _ = CertificateAuthority.objects.get_or_create(
        fingerprint=fingerprint(der),
        defaults={
            "role": CertificateAuthorityRole.EXTERNAL,
            "name": describe_name(certificate.subject)[:MAX_NAME] or "CA without a name",
            "certificate": der,
            "not_after": certificate.not_valid_after_utc,
        },
    )
    if row.role != CertificateAuthorityRole.EXTERNAL:
        raise _refuse(f"{row.name} is a CA of this server, not an external one.")
    return row


def _refuse(message: str) -> ProfileInvalid:
    return ProfileInvalid(message, field="trusted_ca_pem")


def _is_acceptable(certificate: x509.Certificate, *, now: datetime) -> bool:
    try:
        _check_authority(certificate, now=now)
    except ProfileInvalid:
        return False
    return True


def _check_authority(certificate: x509.Certificate, *, now: datetime) -> None:
    name = describe_name(certificate.subject)[:MAX_NAME]
    if not _may_sign_certificates(certificate):
        raise _refuse(f"The certificate {name} is not a CA's.")
    key = certificate.public_key()
    strong = isinstance(key, ec.EllipticCurvePublicKey) or (
        isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS
    )
    if not strong:
        raise _refuse(f"The key of {name} is too weak: RSA of 2048 bits or EC is needed.")
    if certificate.not_valid_after_utc <= now:
        raise _refuse(f"The certificate of {name} has expired.")


def _may_sign_certificates(certificate: x509.Certificate) -> bool:
    if not is_authority(certificate):
        return False
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.key_cert_sign
