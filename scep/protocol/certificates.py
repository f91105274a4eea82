"""Certificates and keys as bytes, each parsed once."""

import hashlib
from collections.abc import Callable
from functools import lru_cache, partial

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

RSA_EXPONENT = 65537

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


# The devices that speak to one process within minutes; about 5 KB each.
@lru_cache(maxsize=4096)
def decode_certificate(der: bytes) -> x509.Certificate:
    """Read a DER certificate; raises ValueError."""
    return x509.load_der_x509_certificate(der)


@lru_cache(maxsize=32)
def decode_private_key(der: bytes) -> PrivateKey:
    """Read a PKCS#8 DER key, RSA or EC; raises ValueError.

    Loading checks the key's arithmetic, which costs more than a signature: hence the cache.
    """
    key = serialization.load_der_private_key(der, password=None)
    if not isinstance(key, PrivateKey):
        raise ValueError("the key is neither RSA nor EC")
    return key


def decode_rsa_key(der: bytes) -> rsa.RSAPrivateKey:
    """Read a PKCS#8 DER RSA key; raises ValueError."""
    key = decode_private_key(der)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the key is not an RSA key")
    return key


def generate_private_key(*, bits: int) -> rsa.RSAPrivateKey:
    """Return a new RSA key of `bits` bits."""
    return rsa.generate_private_key(public_exponent=RSA_EXPONENT, key_size=bits)


def generate_ec_key() -> ec.EllipticCurvePrivateKey:
    """Return a new key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


KEY_TYPES: dict[str, Callable[[], PrivateKey]] = {
    "ec_p256": generate_ec_key,
    "rsa_2048": partial(generate_private_key, bits=2048),
    "rsa_4096": partial(generate_private_key, bits=4096),
}
"""The kinds of key that a CA made here may have, and how each is made."""


@lru_cache(maxsize=4096)
def encode_certificate(certificate: x509.Certificate) -> bytes:
    """Return the certificate's DER."""
    return certificate.public_bytes(serialization.Encoding.DER)


def encode_private_key(key: PrivateKey) -> bytes:
    """Return the key as unencrypted PKCS#8 DER; it is sealed before it is stored."""
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def encode_public_key(key: PublicKey) -> bytes:
    """Return the key's SubjectPublicKeyInfo, DER."""
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def fingerprint(der: bytes) -> str:
    """Return SHA-256 as lower-case hexadecimal."""
    return hashlib.sha256(der).hexdigest()


def normalize_fingerprint(text: str) -> str:
    """Return the digits of a fingerprint as people copy it, lower-case.

    With colons, hyphens or spaces between them, and what OpenSSL (`sha256 Fingerprint=`) or others
    (`SHA256:`) write in front. It may be no fingerprint at all.
    """
    digits = text.rpartition("=")[2].lower().strip()
    digits = digits.removeprefix("sha256:").removeprefix("sha-256:")
    return "".join(digits.replace(":", "").replace("-", "").split())
