"""Identity certificates of CAs that are not ours: what must hold before one is believed."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from scep.errors import AlgorithmRefused, IdentityNotTrusted
from scep.protocol.csr import verify_key
from scep.protocol.reading import refusing

DIGESTS = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
MAX_SERIAL_BITS, MIN_CURVE_BITS = 160, 256
CLIENT_USAGES = {
    ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}


def verify_foreign_identity(
    certificate: x509.Certificate,
    *,
    issuer: x509.Certificate,
    now: datetime,
    leeway: timedelta,
) -> None:
    """Raise IdentityNotTrusted unless `issuer` signed it, both are valid now, and it may sign in.

    Its key has to be as strong as those that our own CA certifies, or on a curve of 256 bits. Usage
    (RFC 5280 section 4.2.1): not a CA's, digitalSignature and clientAuth where they are restricted
    at all. `leeway` for clocks that are off.
    """
    with refusing(IdentityNotTrusted, "the certificate cannot be read"):
        _verify_signature(certificate, issuer=issuer)
        _verify_strength(certificate)
        _verify_validity(certificate, what="the certificate", now=now, leeway=leeway)
        _verify_validity(issuer, what="its CA's certificate", now=now, leeway=leeway)
        _verify_usage(certificate.extensions)
        if not 0 < certificate.serial_number < 1 << MAX_SERIAL_BITS:
            raise IdentityNotTrusted("the certificate's serial number is out of range")


def names_issuer(certificate: x509.Certificate, *, issuer: x509.Certificate) -> bool:
    """Whether the certificate names the CA; that the CA signed it is not proved."""
    with refusing(IdentityNotTrusted, "the certificate cannot be read"):
        return certificate.issuer == issuer.subject


def _verify_signature(certificate: x509.Certificate, *, issuer: x509.Certificate) -> None:
    if not isinstance(certificate.signature_hash_algorithm, DIGESTS):
        raise IdentityNotTrusted("the certificate's signature is too weak")
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature as error:
        raise IdentityNotTrusted("the certificate's signature is not the CA's") from error


def _verify_strength(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.key_size < MIN_CURVE_BITS:
            raise IdentityNotTrusted("the certificate's key is too weak")
        return
    try:
        verify_key(key)
    except AlgorithmRefused as error:
        raise IdentityNotTrusted(f"the certificate's key: {error}") from error


def _verify_validity(
    certificate: x509.Certificate, *, what: str, now: datetime, leeway: timedelta
) -> None:
    if now < certificate.not_valid_before_utc - leeway:
        raise IdentityNotTrusted(f"{what} is not valid yet")
    if now > certificate.not_valid_after_utc + leeway:
        raise IdentityNotTrusted(f"{what} has expired")


def _verify_usage(extensions: x509.Extensions) -> None:
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            raise IdentityNotTrusted("the certificate is a CA's")
        if isinstance(value, x509.KeyUsage) and not value.digital_signature:
            raise IdentityNotTrusted("the certificate may not sign")
        if isinstance(value, x509.ExtendedKeyUsage) and not CLIENT_USAGES & set(value):
            raise IdentityNotTrusted("the certificate is not for client authentication")
