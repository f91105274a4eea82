"""PKCS#12: identities for devices that get their key from the server, and CAs for escrow."""

import hashlib
import hmac
import os
from collections.abc import Sequence

from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from scep.protocol.certificates import PrivateKey

# What every tool writes. More would protect nothing: the password has 192 random bits, and none who
# has the file lacks it (20,000 rounds take 17 ms more, in which no other device is answered).
KDF_ROUNDS = 2048
# OWASP's figure for PBKDF2 with HMAC-SHA-256: the file may lie in strange hands for years.
ESCROW_KDF_ROUNDS = 600_000
MAC_SALT_BYTES = 16
MAC_PURPOSE = 3  # RFC 7292 appendix B.3
SHA256_BLOCK_BYTES = 64


def build_pkcs12(
    key: rsa.RSAPrivateKey, *, certificate: x509.Certificate, name: str, password: str
) -> bytes:
    """Return PKCS#12 DER with one key and its certificate.

    Triple-DES and SHA-1 for reach: iOS before 15 and macOS before 12 read nothing newer. The
    password travels beside the file, so the TLS connection protects both, not this cipher.
    """
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(KDF_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())  # noqa: S303
        .build(password.encode())
    )
    return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, None, encryption)


def build_authority_pkcs12(
    key: PrivateKey,
    *,
    certificate: x509.Certificate,
    above: Sequence[x509.Certificate],
    name: str,
    password: str,
) -> bytes:
    """Return PKCS#12 DER with a CA's key, its certificate and those above it.

    PBES2 with AES-256-CBC, and SHA-256 for the MAC (RFC 8018, RFC 7292); OpenSSL 1.1 reads it.
    """
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(ESCROW_KDF_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password.encode())
    )
    package = pkcs12.serialize_key_and_certificates(
        name.encode(), key, certificate, above, encryption
    )
    return _strengthen_mac(package, password=password)


def _strengthen_mac(package: bytes, *, password: str) -> bytes:
    """Return the same PKCS#12 with a MAC that costs as much to try passwords on as its contents.

    The library always derives the MAC's key with 2048 rounds: who has the file would guess the
    password by it, 300 times faster than by decrypting.
    """
    pfx = asn1_pkcs12.Pfx.load(package)
    salt = os.urandom(MAC_SALT_BYTES)
    mac_key = _derive_mac_key(password, salt=salt, rounds=ESCROW_KDF_ROUNDS)
    content = pfx["auth_safe"]["content"].native
    pfx["mac_data"] = {
        "mac": {
            "digest_algorithm": {"algorithm": "sha256"},
            "digest": hmac.digest(mac_key, content, "sha256"),
        },
        "mac_salt": salt,
        "iterations": ESCROW_KDF_ROUNDS,
    }
    return bytes(pfx.dump(force=True))


def _derive_mac_key(password: str, *, salt: bytes, rounds: int) -> bytes:
    """Return 32 bytes by RFC 7292 appendix B.2 with SHA-256, for a salt of one block at most."""
    secret = password.encode("utf-16-be") + b"\0\0"
    blocks = (bytes([MAC_PURPOSE]), salt, secret)
    digest = b"".join(_fill_blocks(each) for each in blocks)
    for _ in range(rounds):
        digest = hashlib.sha256(digest).digest()
    return digest


def _fill_blocks(content: bytes) -> bytes:
    size = -(-len(content) // SHA256_BLOCK_BYTES) * SHA256_BLOCK_BYTES
    return (content * (size // len(content) + 1))[:size]
