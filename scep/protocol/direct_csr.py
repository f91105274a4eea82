"""The certificate requests that devices really send, read directly (RFC 2986 section 4).

A subject of a few plain names, a challenge of ASCII, and at most a harmless key usage; everything
else, and whatever breaks a rule, raises Unfamiliar and is left to cryptography and asn1crypto.
DER only, unlike CMS.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes

from scep.protocol import der
from scep.protocol.der import Reader, Unfamiliar

CHALLENGE_PASSWORD = "1.2.840.113549.1.9.7"  # noqa: S105 - an object identifier
MAX_CHALLENGE = 8192
VERSION_1 = b"\0"
CHALLENGE = der.encode_oid(CHALLENGE_PASSWORD)[2:]
EXTENSION_REQUEST = der.encode_oid("1.2.840.113549.1.9.14")[2:]
COMMON_NAME = der.encode_oid("2.5.4.3")[2:]
NAMES = (COMMON_NAME, *(der.encode_oid(f"2.5.4.{arc}")[2:] for arc in (10, 11)))
"""Common name, organization, organizational unit."""
PRINTABLE = re.compile(rb"[A-Za-z0-9 '()+,\-./:=?]*")
SIGNATURES: dict[bytes, hashes.HashAlgorithm] = {
    der.encode_algorithm("1.2.840.113549.1.1.11"): hashes.SHA256(),
    der.encode_algorithm("1.2.840.113549.1.1.12"): hashes.SHA384(),
    der.encode_algorithm("1.2.840.113549.1.1.13"): hashes.SHA512(),
}


def _list_harmless_extensions() -> Iterator[bytes]:
    """Yield each list of one key usage: digitalSignature, keyEncipherment, or both."""
    for bits in (b"\7\x80", b"\5\xa0", b"\5\x20"):
        usage = der.encode(der.OCTET_STRING, der.encode(der.BIT_STRING, bits))
        for critical in (b"", der.encode(der.BOOLEAN, b"\xff")):
            extension = der.encode(der.SEQUENCE, der.encode_oid("2.5.29.15"), critical, usage)
            yield der.encode(der.SEQUENCE, extension)


HARMLESS_EXTENSIONS = frozenset(_list_harmless_extensions())


@dataclass(frozen=True)
class DirectRequest:
    """A request whose signature nobody has checked. `public_key`: SubjectPublicKeyInfo, DER."""

    signed_bytes: bytes
    common_name: str
    public_key: bytes
    challenge: str
    digest: hashes.HashAlgorithm
    signature: bytes


def read_request(data: bytes) -> DirectRequest:
    """Read a PKCS#10 request; raises Unfamiliar."""
    request = Reader(data, is_der=True)
    request.enter(der.SEQUENCE)
    signed_bytes = request.take_whole(der.SEQUENCE)
    algorithm = request.take_whole(der.SEQUENCE)
    signature = request.take(der.BIT_STRING)
    request.finish(levels=1)
    info = Reader(signed_bytes, is_der=True)
    info.enter(der.SEQUENCE)
    if info.take(der.INTEGER) != VERSION_1:
        raise Unfamiliar
    common_name = _read_common_name(info.take(der.SEQUENCE))
    public_key = info.take_whole(der.SEQUENCE)
    challenge = _read_attributes(info.take(der.CONTEXT_0))
    info.finish(levels=1)
    if algorithm not in SIGNATURES or signature[:1] != b"\0":
        raise Unfamiliar
    return DirectRequest(
        signed_bytes,
        common_name,
        public_key,
        challenge,
        digest=SIGNATURES[algorithm],
        signature=signature[1:],
    )


def _read_common_name(subject: bytes) -> str:
    """Return the only CN of a Name, "" where it has none."""
    found = []
    reader = Reader(subject, is_der=True)
    while reader.peek() is not None:
        reader.enter(der.SET, der.SEQUENCE)
        oid, text = reader.take(der.OID), _read_text(reader)
        reader.leave(levels=2)
        if oid not in NAMES:
            raise Unfamiliar
        if oid == COMMON_NAME:
            found.append(text)
    if len(found) > 1:
        raise Unfamiliar
    return found[0] if found else ""


def _read_attributes(contents: bytes) -> str:
    """Return the challenge, "" where there is none, and pass a harmless extension request."""
    found: dict[bytes, str] = {}
    reader, before = Reader(contents, is_der=True), b""
    while reader.peek() is not None:
        whole = reader.take_whole(der.SEQUENCE)
        if whole < before:  # the order of a SET OF (X.690 section 11.6)
            raise Unfamiliar
        before = whole
        attribute = Reader(whole, is_der=True)
        attribute.enter(der.SEQUENCE)
        oid, value = attribute.take(der.OID), attribute.take(der.SET)
        attribute.finish(levels=1)
        if oid in found:
            raise Unfamiliar
        if oid == CHALLENGE:
            challenge = Reader(value, is_der=True)
            found[oid] = _read_text(challenge, most=MAX_CHALLENGE)
            challenge.finish()
        elif oid == EXTENSION_REQUEST and value in HARMLESS_EXTENSIONS:
            found[oid] = ""
        else:
            raise Unfamiliar
    return found.get(CHALLENGE, "")


def _read_text(reader: Reader, *, most: int = 255) -> str:
    """Return the next element, a UTF8String or PrintableString, where it is printable ASCII."""
    tag = reader.peek()
    if tag not in (der.UTF8_STRING, der.PRINTABLE_STRING):
        raise Unfamiliar
    data = reader.take(tag)
    if not data.isascii() or len(data) > most:
        raise Unfamiliar
    text = data.decode("ascii")
    if not text.isprintable() or (tag == der.PRINTABLE_STRING and not PRINTABLE.fullmatch(data)):
        raise Unfamiliar
    return text
