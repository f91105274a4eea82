"""An issuing CA as its owner brings it: PEM or PKCS#12, read and checked before it is believed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from scep.errors import AuthorityInvalid
from scep.protocol.certificates import PrivateKey, encode_public_key

MAX_BYTES = 256 * 1024
MAX_CERTIFICATES = 20
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
CURVES = ("secp256r1", "secp384r1")
PEM_MARK = b"-----BEGIN "
NEEDED_USAGES = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)


@dataclass(frozen=True)
class AuthorityBundle:
    """An issuing CA: its certificate, its key, and the CAs above it, the self-signed root last."""

    certificate: x509.Certificate
    key: PrivateKey
    above: tuple[x509.Certificate, ...]


def decode_bundle(
    data: bytes, *, key: bytes | None, password: str, now: datetime
) -> AuthorityBundle:
    """Read and check an issuing CA; raises AuthorityInvalid, which says what is wrong.

    `data`: PEM certificates in any order (with the key among them, unless `key` is given) or
    PKCS#12. `key`: PEM. `password` opens the key or the PKCS#12, "" where there is none.
    """
    if max(len(data), len(key or b"")) > MAX_BYTES:
        raise AuthorityInvalid("The file is larger than 256 KB.")
    if PEM_MARK in data:
        certificates = _read_certificates(data)
        private_key = _read_key(key or data, password=password)
    else:
        certificates, private_key = _read_pkcs12(data, key=key, password=password)
    if len(certificates) > MAX_CERTIFICATES:
        raise AuthorityInvalid(f"The file holds more than {MAX_CERTIFICATES} certificates.")
    certificate = _find_certificate(certificates, key=private_key)
    above = _find_above(certificate, others=certificates)
    for depth, each in enumerate((certificate, *above)):
        _check_authority(each, below=depth, now=now)
    _check_revoking(certificate)
    return AuthorityBundle(certificate, private_key, above)


def _read_certificates(data: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise AuthorityInvalid("The file holds no certificate that can be read.") from error


def _read_key(pem: bytes, *, password: str) -> PrivateKey:
    start = _find_key_start(pem)
    try:
        key = load_pem_private_key(pem[start:], password.encode() or None)
    except TypeError as error:
        if password:  # given for a key that is not encrypted: no reason to refuse
            return _read_key(pem, password="")
        raise AuthorityInvalid("The private key is encrypted: its password is needed.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise AuthorityInvalid(
            "The private key cannot be read, or the password is wrong."
        ) from error
    return _check_key_type(key)


def _find_key_start(pem: bytes) -> int:
    """Return where the first private key begins: other blocks may stand before it."""
    position = pem.find(PEM_MARK)
    while position >= 0:
        label = pem[position:].split(b"\n", 1)[0]
        if b"PRIVATE KEY" in label:
            return position
        position = pem.find(PEM_MARK, position + 1)
    raise AuthorityInvalid("There is no private key: add it to the file, or give it beside it.")


def _read_pkcs12(
    data: bytes, *, key: bytes | None, password: str
) -> tuple[list[x509.Certificate], PrivateKey]:
    try:
        package = pkcs12.load_pkcs12(data, password.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AuthorityInvalid(
            "This is neither PEM nor PKCS#12, or the password is wrong."
        ) from error
    held = [package.cert, *package.additional_certs]
    certificates = [each.certificate for each in held if each is not None]
    if key is not None:
        return certificates, _read_key(key, password=password)
    if package.key is None:
        raise AuthorityInvalid("The PKCS#12 file holds no private key.")
    return certificates, _check_key_type(package.key)


def _check_key_type(key: object) -> PrivateKey:
    if not isinstance(key, PrivateKey):
        raise AuthorityInvalid("The private key must be an RSA or an elliptic curve key.")
    return key


def _find_certificate(
    certificates: Sequence[x509.Certificate], *, key: PrivateKey
) -> x509.Certificate:
    """Return the certificate of this key; the newest one where the CA was certified again."""
    public = encode_public_key(key.public_key())
    own = [each for each in certificates if _encode_any_key(each) == public]
    if not own:
        raise AuthorityInvalid("The private key belongs to none of the certificates.")
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
    problem: AuthorityInvalid | None = None
    for each in others:
        if each == certificate or not _is_issued_by(certificate, issuer=each):
            continue
        rest = [other for other in others if other != certificate]
        try:
            return (each, *_find_above(each, others=rest))
        except AuthorityInvalid as error:
            problem = error  # there may be another way
    raise problem or AuthorityInvalid(
        "The chain is incomplete: there is no certificate of "
        f"“{certificate.issuer.rfc4514_string()}” that has signed "
        f"“{certificate.subject.rfc4514_string()}”."
    )


def _is_root(certificate: x509.Certificate) -> bool:
    if certificate.subject != certificate.issuer:
        return False
    return _is_issued_by(certificate, issuer=certificate) or _is_old_root(certificate)


def _is_old_root(certificate: x509.Certificate) -> bool:
    """Old roots signed themselves with SHA-1, which the library verifies no more.

    It harms nobody: a root is believed because an administrator brings it, not by its signature.
    """
    key, digest = certificate.public_key(), certificate.signature_hash_algorithm
    if not isinstance(key, rsa.RSAPublicKey) or not isinstance(digest, hashes.SHA1):
        return False
    try:
        key.verify(
            certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(), digest
        )
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_issued_by(certificate: x509.Certificate, *, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check_authority(certificate: x509.Certificate, *, below: int, now: datetime) -> None:
    """Raise AuthorityInvalid unless it may certify CAs, `below` of them in a row, now."""
    name = f"“{certificate.subject.rfc4514_string()}”"
    _check_validity(certificate, name=name, now=now)
    _check_key_size(certificate, name=name)
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        is_authority, length = constraints.ca, constraints.path_length
    except x509.ExtensionNotFound:
        is_authority, length = False, None
    except ValueError as error:
        raise AuthorityInvalid(f"The certificate {name} is malformed.") from error
    if not is_authority:
        raise AuthorityInvalid(f"The certificate {name} is not a CA's (no CA:TRUE).")
    if length is not None and length < below:
        raise AuthorityInvalid(
            f"The path length of {name} ({length}) forbids the {below} CAs below it."
        )
    _check_key_usage(certificate, name=name)
    _check_extended_usage(certificate, name=name)
    _check_name_constraints(certificate, name=name)


def _check_validity(certificate: x509.Certificate, *, name: str, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        raise AuthorityInvalid(f"The certificate {name} is not valid yet.")
    if now >= certificate.not_valid_after_utc:
        raise AuthorityInvalid(f"The certificate {name} has expired.")


def _check_key_size(certificate: x509.Certificate, *, name: str) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        fits = MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS
    else:
        fits = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES
    if not fits:
        raise AuthorityInvalid(
            f"The key of {name} must be RSA with at least 2048 bits, or on P-256 or P-384."
        )


def _check_digest(certificate: x509.Certificate) -> None:
    digest = certificate.signature_hash_algorithm
    if digest is not None and digest.name in ("md5", "sha1"):
        name = certificate.subject.rfc4514_string()
        raise AuthorityInvalid(f"The certificate “{name}” is signed with {digest.name.upper()}.")


def _is_self_signed(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer


def _check_key_usage(certificate: x509.Certificate, *, name: str) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        if _is_self_signed(certificate):
            return  # old roots say nothing about usage, and RFC 5280 asks nothing of anchors
        raise AuthorityInvalid(f"The certificate {name} has no key usage.") from error
    if not usage.key_cert_sign:
        raise AuthorityInvalid(f"The key usage of {name} lacks keyCertSign.")


def _check_name_constraints(certificate: x509.Certificate, *, name: str) -> None:
    """Refuse constraints on directory names: they would make every identity of ours invalid."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return
    if any(isinstance(each, x509.DirectoryName) for each in found.permitted_subtrees or ()):
        raise AuthorityInvalid(f"{name} may certify certain directory names only.")


def _check_extended_usage(certificate: x509.Certificate, *, name: str) -> None:
    """OpenSSL and others ask of each CA above a certificate that it may certify such a use."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not any(each in usages for each in NEEDED_USAGES):
        raise AuthorityInvalid(f"The extended key usage of {name} lacks client authentication.")


def _check_revoking(certificate: x509.Certificate) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.crl_sign:
        raise AuthorityInvalid("The CA's key usage lacks cRLSign: it could revoke nothing.")
