"""PKCS#12: identities for devices that get their key from the server, and CAs for escrow."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from scep.protocol.certificates import PrivateKey

KDF_ROUNDS = 20_000
# OWASP's figure for PBKDF2 with HMAC-SHA-256: the file may lie in strange hands for years.
ESCROW_KDF_ROUNDS = 600_000


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
    return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, above, encryption)
