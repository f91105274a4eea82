"""Whose signature stands under an identity certificate, as far as this process has verified it.

It cannot change, unlike the certificate's being revoked, expired or trusted: that is asked each
time by whoever uses this memory.
"""

REMEMBERED = 65536
# By the certificate's SHA-256: the issuer's, both hexadecimal. 200 bytes each.
_issuers: dict[str, str] = {}


def remember_issuer(certificate_sha256: str, *, issuer_sha256: str) -> None:
    """Note that the issuer's signature under the certificate has been verified."""
    if len(_issuers) >= REMEMBERED:
        _issuers.clear()
    _issuers[certificate_sha256] = issuer_sha256


def find_verified_issuer(certificate_sha256: str) -> str | None:
    """Return the SHA-256 of the CA whose signature was verified; None where none was lately."""
    return _issuers.get(certificate_sha256)
