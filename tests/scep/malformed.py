"""Certificates that nobody would issue, byte by byte: their signature holds, their contents do not.

Readers decode names and times when they are asked for them, long after the certificate was read.
"""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SEQUENCE, SET, INTEGER, BIT_STRING, UTF8_STRING = 0x30, 0x31, 0x02, 0x03, 0x0C
UTC_TIME, GENERALIZED_TIME, CONTEXT_0 = 0x17, 0x18, 0xA0
COMMON_NAME = bytes.fromhex("0603550403")
CHALLENGE_PASSWORD = bytes.fromhex("06092a864886f70d010907")
SHA256_WITH_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")
VERSION_3 = bytes.fromhex("a003020102")


def encode(tag: int, *parts: bytes) -> bytes:
    """Return one element of DER."""
    contents = b"".join(parts)
    size = len(contents)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2)
    return bytes([tag]) + length + contents


def make_malformed(
    key: rsa.RSAPrivateKey,
    *,
    issuer: bytes = encode(UTF8_STRING, b"x"),
    subject: bytes = encode(UTF8_STRING, b"x"),
    not_before: bytes = encode(UTC_TIME, b"250101000000Z"),
) -> x509.Certificate:
    """Return a certificate signed by its own key; names are the value of one CN, DER."""
    written = encode_malformed(key, issuer=issuer, subject=subject, not_before=not_before)
    return x509.load_der_x509_certificate(written)


def encode_malformed(
    key: rsa.RSAPrivateKey,
    *,
    issuer: bytes,
    subject: bytes,
    not_before: bytes = encode(UTC_TIME, b"250101000000Z"),
) -> bytes:
    """Return the DER of the same, where cryptography does not read it."""
    issued, named = (encode_name(value) for value in (issuer, subject))
    not_after = encode(GENERALIZED_TIME, b"20990101000000Z")
    public_key = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signed = encode(
        SEQUENCE, VERSION_3, encode(INTEGER, b"\x05"), SHA256_WITH_RSA, issued,
        encode(SEQUENCE, not_before, not_after), named, public_key,
    )  # fmt: skip
    return _encode_signed(key, signed)


def encode_malformed_request(key: rsa.RSAPrivateKey, *, subject: bytes, challenge: bytes) -> bytes:
    """Return a certification request; subject and challenge are strings, DER."""
    public_key = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    attribute = encode(SEQUENCE, CHALLENGE_PASSWORD, encode(SET, challenge))
    version = encode(INTEGER, b"\x00")
    signed = encode(
        SEQUENCE, version, encode_name(subject), public_key, encode(CONTEXT_0, attribute)
    )
    return _encode_signed(key, signed)


def encode_name(common_name: bytes) -> bytes:
    """Return the Name of one CN, given whole."""
    return encode(SEQUENCE, encode(SET, encode(SEQUENCE, COMMON_NAME, common_name)))


def _encode_signed(key: rsa.RSAPrivateKey, signed: bytes) -> bytes:
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    bits = encode(BIT_STRING, b"\0" + signature)
    return encode(SEQUENCE, signed, SHA256_WITH_RSA, bits)
