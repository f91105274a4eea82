"""APNs push certificates: requested by CSR, read from PEM, DER or PKCS#12, known by topic."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devices.errors import PushCertificateInvalid
from scep.protocol.reading import MALFORMED

TOPIC_PREFIX = "com.apple.mgmt."
KEY_BITS = 2048
MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class PushIdentity:
    """A push certificate, and its key (PKCS#8, DER) where the file holds one."""

    certificate: x509.Certificate
    topic: str
    private_key: bytes | None = field(repr=False, default=None)


def generate_key() -> bytes:
    """Return a new RSA key as PKCS#8, DER; Apple's portal takes RSA 2048."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def build_csr(private_key: bytes, *, common_name: str) -> bytes:
    """Return a PKCS#10 request as PEM; Apple replaces its subject."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(_load_rsa(private_key), hashes.SHA256()).public_bytes(Encoding.PEM)


def build_demo_certificate(private_key: bytes, *, topic: str, now: datetime) -> bytes:
    """Return a self-signed certificate (DER, one year) like Apple's, which Apple refuses."""
    key = _load_rsa(private_key)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.USER_ID, topic),
            x509.NameAttribute(NameOID.COMMON_NAME, f"APSP:{topic[-36:]} (demo)"),
        ]
    )
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=10))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def decode_push_certificate(data: bytes, *, password: str = "") -> PushIdentity:
    """Read PEM (with or without key), DER or PKCS#12; raises PushCertificateInvalid."""
    if len(data) > MAX_BYTES:
        raise PushCertificateInvalid("the file is too large for a certificate")
    secret = password.encode() if password else None
    certificate, key = (
        _decode_pem(data, secret) if b"-----BEGIN" in data else _decode_der(data, secret)
    )
    return PushIdentity(certificate, _get_topic(certificate), key)


def _decode_pem(data: bytes, password: bytes | None) -> tuple[x509.Certificate, bytes | None]:
    try:
        certificates = x509.load_pem_x509_certificates(data)
    except MALFORMED as error:
        raise PushCertificateInvalid("the file holds no certificate") from error
    # A chain beside it may come first.
    certificate = next(filter(_list_topics, certificates), certificates[0])
    if b"PRIVATE KEY-----" not in data:
        return certificate, None
    return certificate, decode_key(data, password=(password or b"").decode())


def decode_key(data: bytes, *, password: str = "") -> bytes:
    """Return the key of a PEM or DER file as PKCS#8, DER; raises PushCertificateInvalid."""
    load = load_pem_private_key if b"-----BEGIN" in data else load_der_private_key
    try:
        key = load(data, password=password.encode() or None)
    except TypeError as error:
        if password:  # it was given for a key that is not encrypted
            return decode_key(data)
        raise PushCertificateInvalid("the private key is encrypted: give its password") from error
    except MALFORMED as error:
        raise PushCertificateInvalid("the private key cannot be read; is it encrypted?") from error
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _decode_der(data: bytes, password: bytes | None) -> tuple[x509.Certificate, bytes | None]:
    try:
        return x509.load_der_x509_certificate(data), None
    except MALFORMED:
        pass
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(data, password)
    except MALFORMED as error:
        text = "the file is neither a certificate nor a PKCS#12 that this password opens"
        raise PushCertificateInvalid(text) from error
    if certificate is None or key is None:
        raise PushCertificateInvalid("the PKCS#12 lacks the certificate or the key")
    return certificate, key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _get_topic(certificate: x509.Certificate) -> str:
    topics = _list_topics(certificate)
    if len(topics) != 1 or not topics[0].startswith(TOPIC_PREFIX) or len(topics[0]) > 255:
        found = ", ".join(topics) or "none"
        raise PushCertificateInvalid(
            f"this is no push certificate of Apple's: its UID is no push topic ({found})"
        )
    return topics[0]


def _list_topics(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
    except ValueError as error:
        raise PushCertificateInvalid("its subject cannot be read") from error
    return [str(name.value) for name in names]


def is_key_of(private_key: bytes, *, certificate: x509.Certificate) -> bool:
    """Whether the key (PKCS#8, DER) belongs to the certificate; raises PushCertificateInvalid."""
    key = load_der_private_key(private_key, password=None)
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        certified = certificate.public_key().public_bytes(*form)
    except MALFORMED as error:
        raise PushCertificateInvalid("its public key is of an unknown kind") from error
    return key.public_key().public_bytes(*form) == certified


def _load_rsa(private_key: bytes) -> rsa.RSAPrivateKey:
    key = load_der_private_key(private_key, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise PushCertificateInvalid("the stored key is not RSA")
    return key
