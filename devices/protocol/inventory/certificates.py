"""CertificateList: which certificates a device has. Keys: Apple, certificate.list."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509

from devices.protocol.direction import leave_direction
from devices.protocol.inventory.values import read_text

MOST, LONGEST_DER = 1000, 64 * 1024
LONGEST_NAME, LONGEST_SUBJECT = 255, 512
# What cryptography raises for bytes that are no certificate, some of it on access only.
ERRORS = (ValueError, TypeError, OverflowError, x509.InvalidVersion)


@dataclass(frozen=True)
class CertificateContent:
    """Names as RFC 4514 has them; the serial number in hexadecimal."""

    subject: str
    issuer: str
    serial: str
    not_after: datetime


@dataclass(frozen=True)
class ListedCertificate:
    """A certificate as the device lists it; `read` opens it, which most lists do not need."""

    sha256: str
    common_name: str
    is_identity: bool
    der: bytes = field(repr=False)

    def read(self) -> CertificateContent | None:
        """Return what stands in it; None for bytes that are no certificate."""
        try:
            certificate = x509.load_der_x509_certificate(self.der)
            return CertificateContent(
                subject=_clean(certificate.subject.rfc4514_string(), LONGEST_SUBJECT),
                issuer=_clean(certificate.issuer.rfc4514_string(), LONGEST_SUBJECT),
                serial=f"{certificate.serial_number:x}"[:64],
                not_after=certificate.not_valid_after_utc,
            )
        except ERRORS:
            return None


def list_certificates(answer: Any) -> dict[str, ListedCertificate]:
    """Return the certificates of a CertificateList by fingerprint, each once, at most MOST.

    One that is listed with and without its private key counts as an identity.
    """
    found: dict[str, ListedCertificate] = {}
    for certificate in _decode(answer if isinstance(answer, list) else []):
        known = found.get(certificate.sha256)
        if known is None or certificate.is_identity:
            found[certificate.sha256] = certificate
        if len(found) == MOST:
            break
    return found


def _decode(entries: list[Any]) -> Iterator[ListedCertificate]:
    for entry in entries:
        der = entry.get("Data") if isinstance(entry, dict) else None
        if isinstance(der, bytes) and 0 < len(der) <= LONGEST_DER:
            yield ListedCertificate(
                sha256=hashlib.sha256(der).hexdigest(),
                common_name=read_text(entry, "CommonName", longest=LONGEST_NAME),
                is_identity=entry.get("IsIdentity") is True,
                der=der,
            )


def _clean(text: str, longest: int) -> str:
    """A name inside a certificate may hold NUL, which PostgreSQL does not take."""
    return leave_direction(text.replace("\0", ""))[:longest]
