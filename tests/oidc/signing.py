"""JWS (RFC 7515) with RS256 and JWK (RFC 7517), by hand."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

Key = rsa.RSAPrivateKey


def make_key() -> Key:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def sign(claims: dict[str, Any], *, key: Key, kid: str, alg: str = "RS256") -> str:
    """Return the compact JWS; any other `alg` than RS256 is only claimed."""
    header = {"alg": alg, "kid": kid, "typ": "JWT"}
    text = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    if alg == "none":
        return f"{text}."
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{encode(signature)}"


def build_jwk(key: Key, *, kid: str) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": kid,
        "n": encode(numbers.n.to_bytes(size, "big")),
        "e": encode(numbers.e.to_bytes(3, "big")),
    }
