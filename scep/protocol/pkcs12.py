"""PKCS#12 identities for devices that get their key from the server."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

KDF_ROUNDS = 20_000


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
