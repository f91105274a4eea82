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
    issued, named = (
        encode(SEQUENCE, encode(SET, encode(SEQUENCE, COMMON_NAME, value)))
        for value in (issuer, subject)
    )
    not_after = encode(GENERALIZED_TIME, b"20990101000000Z")
    public_key = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signed = encode(
        SEQUENCE, VERSION_3, encode(INTEGER, b"\x05"), SHA256_WITH_RSA, issued,
        encode(SEQUENCE, not_before, not_after), named, public_key,
    )  # fmt: skip
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    bits = encode(BIT_STRING, b"\0" + signature)
    return x509.load_der_x509_certificate(encode(SEQUENCE, signed, SHA256_WITH_RSA, bits))
