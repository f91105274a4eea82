"""The CA's signature under an identity certificate, verified once in a process.

It cannot change, unlike the certificate's being revoked or expired: that is asked each time.
"""

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from scep.errors import IdentityNotTrusted
from scep.protocol.certificates import encode_certificate, fingerprint

REMEMBERED = 65536
# By the certificate's SHA-256: the issuer's. 200 bytes each.
_issuers: dict[str, str] = {}


def verify_issuer(certificate: x509.Certificate, *, issuer: x509.Certificate) -> None:
    """Raise IdentityNotTrusted unless `issuer` signed the certificate."""
    own, above = (fingerprint(encode_certificate(each)) for each in (certificate, issuer))
    if _issuers.get(own) == above:
        return
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise IdentityNotTrusted("the certificate's signature is not our CA's") from error
    if len(_issuers) >= REMEMBERED:
        _issuers.clear()
    _issuers[own] = above


def find_verified_issuer(certificate_sha256: str) -> str | None:
    """Return the SHA-256 of the CA found by verify_issuer, None where it was not asked lately."""
    return _issuers.get(certificate_sha256)
