"""Who sent a message: the `Mdm-Signature` header, extracted and verified over the raw body.

Pinning the certificate to an enrollment, the third step, is devices.services.sender.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from cryptography import x509

from devices.errors import MessageRefused
from scep.errors import SignatureInvalid
from scep.protocol.certificates import encode_certificate, fingerprint
from scep.protocol.cms import verify_detached

MAX_HEADER = 16 * 1024
WHITE_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Proof:
    """A certificate whose key the sender of a message has been proved to hold.

    `fingerprint`: SHA-256 of it, lower-case hexadecimal. Whether it is one that we trust, and
    whose, is not asked here.
    """

    certificate: x509.Certificate
    fingerprint: str = field(init=False)
    not_before: datetime = field(init=False)
    not_after: datetime = field(init=False)

    def __post_init__(self) -> None:
        certificate = self.certificate
        vars(self).update(
            fingerprint=fingerprint(encode_certificate(certificate)),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
        )


# As many as scep.protocol.certificates keeps.
@lru_cache(maxsize=4096)
def build_proof(certificate: x509.Certificate) -> Proof:
    """Return the proof; most devices are heard of again. Raises MessageRefused."""
    try:
        return Proof(certificate)
    except ValueError as error:  # a moment is decoded when it is asked for: year 0, for one
        raise MessageRefused(
            "identity_not_trusted", "the certificate's validity cannot be read"
        ) from error


def extract_signature(header: str) -> bytes:
    """Return the CMS of the header; raises MessageRefused.

    A device without an identity certificate sends no header: certificate_not_issued.
    """
    if not header:
        raise MessageRefused("certificate_not_issued", "the message carries no Mdm-Signature")
    if len(header) > MAX_HEADER:
        raise MessageRefused("signature_invalid", "the Mdm-Signature header is too long")
    try:
        return _decode_base64(header)
    except (binascii.Error, ValueError) as error:
        raise MessageRefused("signature_invalid", "Mdm-Signature is not base64") from error


def _decode_base64(header: str) -> bytes:
    try:
        return base64.b64decode(header, validate=True)
    except binascii.Error:  # a proxy may have folded it; looking first costs more than the rest
        return base64.b64decode(WHITE_SPACE.sub("", header), validate=True)


def verify_signature(signature: bytes, *, content: bytes, allow_sha1: bool) -> Proof:
    """Return the proof that a certificate's key signed exactly these bytes.

    Raises MessageRefused.
    """
    try:
        return build_proof(verify_detached(signature, content=content, allow_sha1=allow_sha1))
    except SignatureInvalid as error:
        raise MessageRefused(error.code, f"the signature is not valid: {error}") from error
