"""Tag-length-value encoding, definite (DER) and indefinite (BER, as Apple's client).

Apple's Security framework streams CMS: the outer structures have indefinite lengths
and octet strings come in chunks. ASN.1 libraries only write DER, hence by hand.
"""

from collections.abc import Iterable

SEQUENCE = 0x30
SET = 0x31
OCTET_STRING = 0x04
CONSTRUCTED_OCTET_STRING = 0x24
CONTEXT_0 = 0xA0
INTEGER_0 = b"\x02\x01\x00"
INTEGER_1 = b"\x02\x01\x01"
NULL = b"\x05\x00"
END_OF_CONTENTS = b"\x00\x00"
CHUNK = 1000


def encode_length(length: int) -> bytes:
    """The definite length octets of X.690 8.1.3."""
    if length < 0x80:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def encode_definite(tag: int, *parts: bytes) -> bytes:
    """One value with a definite length."""
    body = b"".join(parts)
    return bytes([tag]) + encode_length(len(body)) + body


def encode_indefinite(tag: int, *parts: bytes) -> bytes:
    """One constructed value with an indefinite length (BER only)."""
    return bytes([tag, 0x80]) + b"".join(parts) + END_OF_CONTENTS


def encode_value(tag: int, *parts: bytes, ber: bool) -> bytes:
    """One constructed value in either form."""
    encode = encode_indefinite if ber else encode_definite
    return encode(tag, *parts)


def encode_chunks(content: bytes) -> bytes:
    """Content as consecutive OCTET STRINGs of at most CHUNK bytes."""
    starts = range(0, len(content), CHUNK) or [0]
    return b"".join(encode_definite(OCTET_STRING, content[at : at + CHUNK]) for at in starts)


def encode_octets(content: bytes, *, ber: bool) -> bytes:
    """An OCTET STRING: primitive in DER, constructed and chunked in BER."""
    if ber:
        return encode_indefinite(CONSTRUCTED_OCTET_STRING, encode_chunks(content))
    return encode_definite(OCTET_STRING, content)


def encode_set_of(tag: int, parts: Iterable[bytes]) -> bytes:
    """A SET OF with its members in DER order (X.690 11.6)."""
    return encode_definite(tag, *sorted(parts))
