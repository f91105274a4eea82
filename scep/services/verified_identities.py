"""Whose signature stands under an identity certificate, as far as this process has verified it.

It cannot change, unlike the certificate's being revoked, expired or trusted: that is asked each
time by whoever uses this memory.
"""

from typing import NamedTuple

REMEMBERED = 65536


class VerifiedIssuer(NamedTuple):
    """A CA; `fingerprint` is the SHA-256 of its certificate, hexadecimal."""

    fingerprint: str
    is_external: bool


# By the certificate's SHA-256, hexadecimal. 250 bytes each.
_issuers: dict[str, VerifiedIssuer] = {}


def remember_issuer(certificate_sha256: str, *, issuer: VerifiedIssuer) -> None:
    """Note that the issuer's signature under the certificate has been verified.

    Of an external CA's, that it may be used for signing in, too.
    """
    if len(_issuers) >= REMEMBERED:
        _issuers.clear()
    _issuers[certificate_sha256] = issuer


def find_verified_issuer(certificate_sha256: str) -> VerifiedIssuer | None:
    """Return the CA whose signature was verified; None where none was lately."""
    return _issuers.get(certificate_sha256)
