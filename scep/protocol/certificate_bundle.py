"""A certificate with its key and the CAs above it, as somebody brings them: PEM or PKCS#12."""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from scep.errors import BundleInvalid
from scep.protocol.certificates import PrivateKey, encode_public_key
from scep.protocol.key_derivation import NEITHER, check_key_cost, check_pkcs12_cost
from scep.protocol.old_signatures import has_old_signature_of
from scep.protocol.reading import MALFORMED

MAX_BYTES = 256 * 1024
MAX_CERTIFICATES = 20
PEM_MARK = b"-----BEGIN "


@dataclass(frozen=True)
class CertificateBundle:
    """A certificate, its key, and the CAs above it, the self-signed root last."""

    certificate: x509.Certificate
    key: PrivateKey
    above: tuple[x509.Certificate, ...]


def read_bundle(data: bytes, *, key: bytes | None, password: str) -> CertificateBundle:
    """Read the files and put them in order; raises BundleInvalid, which says what is wrong.

    `data`: PEM certificates in any order (with the key among them, unless `key` is given) or
    PKCS#12. `key`: PEM. `password` opens the key or the PKCS#12, "" where there is none. What the
    certificates may be used for, and until when, is not asked here.
    """
    if max(len(data), len(key or b"")) > MAX_BYTES:
        raise BundleInvalid("The file is larger than 256 KB.")
    if PEM_MARK in data:
        certificates = _read_certificates(data)
        private_key = _read_key(key or data, password=password)
    else:
        certificates, private_key = _read_pkcs12(data, key=key, password=password)
    if len(certificates) > MAX_CERTIFICATES:
        raise BundleInvalid(
            f"The file holds more than {MAX_CERTIFICATES} certificates. Leave the one of the key "
            "in it, and those above that one."
        )
    certificate = _find_certificate(certificates, key=private_key)
    return CertificateBundle(
        certificate, private_key, _find_above(certificate, others=certificates)
    )


def _read_certificates(data: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data)
    except MALFORMED as error:
        raise BundleInvalid(
            "The file holds no certificate that can be read. A PKCS#7 (.p7b) has to be converted "
            "first: openssl pkcs7 -print_certs."
        ) from error


def _read_key(pem: bytes, *, password: str) -> PrivateKey:
    start = _find_key_start(pem)
    if password:
        check_key_cost(pem[start:])
    try:
        key = load_pem_private_key(pem[start:], password.encode() or None)
    except TypeError as error:
        if password:  # given for a key that is not encrypted: no reason to refuse
            return _read_key(pem, password="")
        raise BundleInvalid("The private key is encrypted: its password is needed.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BundleInvalid("The private key cannot be read, or the password is wrong.") from error
    return _check_key_type(key)


def _find_key_start(pem: bytes) -> int:
    """Return where the first private key begins: other blocks may stand before it."""
    position = pem.find(PEM_MARK)
    while position >= 0:
        label = pem[position:].split(b"\n", 1)[0]
        if b"PRIVATE KEY" in label:
            return position
        position = pem.find(PEM_MARK, position + 1)
    raise BundleInvalid("There is no private key: add it to the file, or give it beside it.")


def _read_pkcs12(
    data: bytes, *, key: bytes | None, password: str
) -> tuple[list[x509.Certificate], PrivateKey]:
    check_pkcs12_cost(data)
    try:
        package = pkcs12.load_pkcs12(data, password.encode() or None)
    except MALFORMED as error:
        raise BundleInvalid(NEITHER) from error
    held = [package.cert, *package.additional_certs]
    certificates = [each.certificate for each in held if each is not None]
    if key is not None:
        return certificates, _read_key(key, password=password)
    if package.key is None:
        raise BundleInvalid(
            "The PKCS#12 file holds no private key. Export it with its key, or give that beside it."
        )
    return certificates, _check_key_type(package.key)


def _check_key_type(key: object) -> PrivateKey:
    if not isinstance(key, PrivateKey):
        raise BundleInvalid("The private key must be an RSA or an elliptic curve key.")
    return key


def _find_certificate(
    certificates: Sequence[x509.Certificate], *, key: PrivateKey
) -> x509.Certificate:
    """Return the certificate of this key; the newest one where the CA was certified again."""
    public = encode_public_key(key.public_key())
    own = [each for each in certificates if _encode_any_key(each) == public]
    if not own:
        raise BundleInvalid(
            "The private key belongs to none of the certificates. Add the certificate of this key, "
            "or give the other's key."
        )
    # One of them may be a self-signed form of the same CA; what stands below a root counts more.
    return max(own, key=lambda each: (each.subject != each.issuer, each.not_valid_before_utc))


def _encode_any_key(certificate: x509.Certificate) -> bytes:
    try:
        return encode_public_key(certificate.public_key())  # type: ignore[arg-type]
    except (ValueError, UnsupportedAlgorithm):
        return b""


def _find_above(
    certificate: x509.Certificate, *, others: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Return the way up to a self-signed root, each step proved by its signature.

    Names only do not count: another CA may have the same.
    """
    if _is_root(certificate):
        return ()
    _check_digest(certificate)
    problem: BundleInvalid | None = None
    for each in others:
        if each == certificate or not _is_issued_by(certificate, issuer=each):
            continue
        rest = [other for other in others if other != certificate]
        try:
            return (each, *_find_above(each, others=rest))
        except BundleInvalid as error:
            problem = error  # there may be another way
    raise problem or BundleInvalid(
        "The chain is incomplete: there is no certificate of "
        f"“{certificate.issuer.rfc4514_string()}” that has signed "
        f"“{certificate.subject.rfc4514_string()}”. Add it to the file."
    )


def _is_root(certificate: x509.Certificate) -> bool:
    if certificate.subject != certificate.issuer:
        return False
    return _is_issued_by(certificate, issuer=certificate) or _is_old_root(certificate)


def _is_old_root(certificate: x509.Certificate) -> bool:
    """Old roots signed themselves with SHA-1, which the library verifies no more.

    It harms nobody: a root is believed because an administrator brings it, not by its signature.
    """
    is_old = isinstance(certificate.signature_hash_algorithm, hashes.SHA1)
    return is_old and has_old_signature_of(certificate, issuer=certificate)


def _is_issued_by(certificate: x509.Certificate, *, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check_digest(certificate: x509.Certificate) -> None:
    digest = certificate.signature_hash_algorithm
    if digest is not None and digest.name in ("md5", "sha1"):
        name = certificate.subject.rfc4514_string()
        raise BundleInvalid(
            f"The certificate “{name}” is signed with {digest.name.upper()}. Have it certified "
            "again with SHA-256."
        )
