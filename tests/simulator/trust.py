"""Leads a certificate back to a root that the device trusts, by signature."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes

from .errors import ChainInvalid

MAX_DEPTH = 6


def load_pem_roots(pem: bytes) -> list[x509.Certificate]:
    """Every certificate of a PEM file; raises ChainInvalid when there is none."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise ChainInvalid(f"no root CA could be read: {error}") from error


def verify_chain(
    leaf: x509.Certificate,
    *,
    intermediates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    at: datetime | None = None,
) -> list[x509.Certificate]:
    """The path leaf … root, each valid at `at` (UTC, default now) and a real CA.

    Raises ChainInvalid with the first reason found.
    """
    moment = at or datetime.now(UTC)
    path = [leaf]
    require_valid(leaf, at=moment)
    while path[-1] not in roots:
        if len(path) > MAX_DEPTH:
            raise ChainInvalid("the certificate chain is too long")
        issuer = _find_issuer(path[-1], [*roots, *intermediates])
        require_valid(issuer, at=moment)
        _require_ca(issuer)
        path.append(issuer)
    return path


def require_valid(certificate: x509.Certificate, *, at: datetime) -> None:
    """Raises ChainInvalid when `at` lies outside the certificate's validity."""
    if not (certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc):
        raise ChainInvalid(f"{describe(certificate)} is not valid at {at:%F %T} UTC")


def _find_issuer(
    certificate: x509.Certificate, candidates: Iterable[x509.Certificate]
) -> x509.Certificate:
    for candidate in candidates:
        if candidate == certificate:
            continue
        if is_issued_by(certificate, issuer=candidate):
            return candidate
    raise ChainInvalid(f"{describe(certificate)} does not lead to the trusted root")


def is_issued_by(certificate: x509.Certificate, *, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and key fit the certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _require_ca(certificate: x509.Certificate) -> None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound as error:
        raise ChainInvalid(f"{describe(certificate)} is no CA") from error
    if not found.value.ca:
        raise ChainInvalid(f"{describe(certificate)} is no CA")


def describe(certificate: x509.Certificate) -> str:
    """The certificate's subject as text, for messages."""
    return f"the certificate “{certificate.subject.rfc4514_string()}”"


def matches_fingerprint(certificate: x509.Certificate, *, expected: bytes) -> bool:
    """Whether a CAFingerprint (32 bytes SHA-256, 20 SHA-1, 16 MD5) names it."""
    algorithms: dict[int, hashes.HashAlgorithm] = {
        32: hashes.SHA256(),
        20: hashes.SHA1(),  # noqa: S303 - Apple allows these fingerprints
        16: hashes.MD5(),  # noqa: S303
    }
    algorithm = algorithms.get(len(expected))
    return algorithm is not None and certificate.fingerprint(algorithm) == expected
