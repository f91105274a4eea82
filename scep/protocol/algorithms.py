"""The digests, signatures and ciphers that are accepted, by object identifier."""

from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes

from scep.errors import AlgorithmRefused

SHA1 = "1.3.14.3.2.26"
# How people call what clients offer instead, for the log.
NAMES = {
    SHA1: "SHA-1",
    "1.2.840.113549.2.5": "MD5",
    "2.16.840.1.101.3.4.2.4": "SHA-224",
    "1.3.14.3.2.7": "DES",
    "1.2.840.113549.3.2": "RC2",
    "1.2.840.113549.3.7": "3DES",
    "2.16.840.1.101.3.4.1.6": "AES-128-GCM",
    "2.16.840.1.101.3.4.1.46": "AES-256-GCM",
    "1.2.840.113549.1.1.7": "RSA-OAEP",
    "1.2.840.113549.1.1.10": "RSA-PSS",
}
DIGESTS: dict[str, hashes.HashAlgorithm] = {
    SHA1: hashes.SHA1(),  # noqa: S303 - refused unless a caller allows it
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
# The digest that a signature algorithm names; None where it names none.
RSA_SIGNATURES = {
    "1.2.840.113549.1.1.1": None,
    "1.2.840.113549.1.1.5": "sha1",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
}
ECDSA_SIGNATURES = {
    "1.2.840.10045.2.1": None,
    "1.2.840.10045.4.1": "sha1",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}


@dataclass(frozen=True)
class Cipher:
    """A content cipher in CBC mode; sizes in bytes."""

    name: str
    oid: str
    key_size: int
    block_size: int
    is_legacy: bool = False


CIPHERS = {
    cipher.oid: cipher
    for cipher in (
        Cipher("aes128_cbc", "2.16.840.1.101.3.4.1.2", 16, 16),
        Cipher("aes192_cbc", "2.16.840.1.101.3.4.1.22", 24, 16),
        Cipher("aes256_cbc", "2.16.840.1.101.3.4.1.42", 32, 16),
        Cipher("tripledes_3key", "1.2.840.113549.3.7", 24, 8, is_legacy=True),
    )
}


def name_algorithm(oid: str) -> str:
    """Return what people call it; the object identifier of an unknown one."""
    return NAMES.get(oid, oid)


def get_digest(oid: str, *, allow_sha1: bool) -> hashes.HashAlgorithm:
    """Return the digest; raises AlgorithmRefused (MD5 never, SHA-1 by the switch)."""
    digest = DIGESTS.get(oid)
    if digest is None or (oid == SHA1 and not allow_sha1):
        raise AlgorithmRefused(f"the digest {name_algorithm(oid)} is not accepted")
    return digest


def get_cipher(oid: str, *, allow_legacy: bool) -> Cipher:
    """Return the cipher; raises AlgorithmRefused (DES never, 3DES by the switch)."""
    cipher = CIPHERS.get(oid)
    if cipher is None or (cipher.is_legacy and not allow_legacy):
        raise AlgorithmRefused(f"the cipher {name_algorithm(oid)} is not accepted")
    return cipher
