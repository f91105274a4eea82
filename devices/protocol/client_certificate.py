"""The client certificate of a TLS connection, as the proxy that ended it forwards it.

Two spellings are read: RFC 9440's `Client-Cert` (a byte sequence of RFC 8941, `:base64:` of the
DER) and PEM with percent-escapes, as nginx's `$ssl_client_escaped_cert` writes it.
"""

import base64
import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from cryptography import x509

from devices.errors import MessageRefused
from scep.protocol.reading import MALFORMED

MAX_HEADER = 16 * 1024
SHOWN_OF_IT = 16
"""How much of what cannot be read is told: which proxy's form it is, and nothing of whose."""
BYTE_SEQUENCE = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
ESCAPED_PEM = re.compile(r"-----BEGIN(?: |%20)CERTIFICATE-----[A-Za-z0-9+/=%\s-]+")
PEM_MARK = b"-----BEGIN"


# Most devices are heard of again; some 2 KB each.
@lru_cache(maxsize=4096)
def decode_client_certificate(header: str) -> x509.Certificate:
    """Return the certificate; raises MessageRefused for anything but exactly one (D2).

    Two headers of one name reach us joined by a comma, and then nobody can tell whose is whose.
    """
    text = header.strip()
    if len(text) > MAX_HEADER:
        raise _refuse("is too long")
    if sequence := BYTE_SEQUENCE.fullmatch(text):
        return _decode_der(sequence[1])
    if ESCAPED_PEM.fullmatch(text):
        return _decode_pem(unquote_to_bytes(text))
    raise _refuse(
        "is neither one byte sequence (RFC 9440) nor one escaped PEM certificate, but begins with "
        f"{text[:SHOWN_OF_IT]!a}"
    )


def _decode_der(text: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
    except MALFORMED as error:
        raise _refuse("holds no certificate") from error


def _decode_pem(pem: bytes) -> x509.Certificate:
    if pem.count(PEM_MARK) != 1:
        raise _refuse("holds more than one certificate")
    try:
        return x509.load_pem_x509_certificate(pem)
    except MALFORMED as error:
        raise _refuse("holds no certificate") from error


def _refuse(problem: str) -> MessageRefused:
    return MessageRefused(
        "client_certificate_unreadable", f"the forwarded client certificate {problem}"
    )
