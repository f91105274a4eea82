"""Who sent a message: the `Mdm-Signature` header, extracted and verified over the raw body.

Pinning the certificate to an enrollment, the third step, is devices.services.identity.
"""

import base64
import binascii
import re

from cryptography import x509

from devices.errors import MessageRefused
from scep.errors import SignatureInvalid
from scep.protocol.cms import verify_detached

MAX_HEADER = 16 * 1024
WHITE_SPACE = re.compile(r"\s+")


def extract_signature(header: str) -> bytes:
    """Return the CMS of the header; raises MessageRefused.

    A device without an identity certificate sends no header: certificate_not_issued.
    """
    if not header:
        raise MessageRefused("certificate_not_issued", "the message carries no Mdm-Signature")
    if len(header) > MAX_HEADER:
        raise MessageRefused("signature_invalid", "the Mdm-Signature header is too long")
    try:
        return base64.b64decode(WHITE_SPACE.sub("", header), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MessageRefused("signature_invalid", "Mdm-Signature is not base64") from error


def verify_signature(signature: bytes, *, content: bytes, allow_sha1: bool) -> x509.Certificate:
    """Return the certificate whose key signed exactly these bytes; raises MessageRefused.

    Whether the certificate is one of ours is not asked here.
    """
    try:
        return verify_detached(signature, content=content, allow_sha1=allow_sha1)
    except SignatureInvalid as error:
        raise MessageRefused(error.code, f"the signature is not valid: {error}") from error
