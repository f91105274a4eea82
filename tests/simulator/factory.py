"""Where a device's identity from the factory comes from: a CA that stands in for Apple's.

Like Apple's: a key of 1024 bits, SHA-1, and expired long ago. The devices' certificates are signed
with SHA-1 or SHA-256.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from .hardware import Hardware
from .state import Identity

BITS = 1024
MADE = datetime(2007, 4, 16, tzinfo=UTC)
LIFE = timedelta(days=7 * 365)


@dataclass(frozen=True)
class FactoryAuthority:
    """The devices' CA; chain: what stands above it, the root last."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def ca_pem(self) -> bytes:
        """What a server under test is to trust: the devices' CA first."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in (self.certificate, *self.chain))

    @property
    def pem(self) -> bytes:
        """Its key too, to be kept."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + self.ca_pem

    def make_identity(self, hardware: Hardware, *, digest: str = "sha1") -> Identity:
        """A key and certificate for one device, named as Apple names them: by no serial number."""
        key = generate_key()
        subject = build_name(f"{hardware.platform.model_name} {hardware.udid}")
        certificate = issue(
            self._signer, subject=subject, key=key.public_key(), is_authority=False, digest=digest
        )
        return Identity(key, certificate)

    @cached_property
    def _signer(self) -> "Signer":
        return Signer(self.key, self.certificate.subject)


@dataclass(frozen=True)
class Signer:
    """Who signs a certificate."""

    key: rsa.RSAPrivateKey
    name: x509.Name


def make_authority() -> FactoryAuthority:
    """A fresh CA under a root of its own."""
    root_key, key = generate_key(), generate_key()
    root_name, name = build_name("Simulated Factory Root"), build_name("Simulated Device CA")
    root_signer = Signer(root_key, root_name)
    root = issue(root_signer, subject=root_name, key=root_key.public_key(), is_authority=True)
    certificate = issue(root_signer, subject=name, key=key.public_key(), is_authority=True)
    return FactoryAuthority(key, certificate, (root,))


def load_authority(pem: bytes) -> FactoryAuthority:
    """The CA from `authority.pem`; raises ValueError."""
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the devices' CA key is not RSA")
    certificate, *chain = x509.load_pem_x509_certificates(pem)
    return FactoryAuthority(key, certificate, tuple(chain))


def generate_key() -> rsa.RSAPrivateKey:
    """A key as small as Apple's."""
    return rsa.generate_private_key(public_exponent=65537, key_size=BITS)


def build_name(common_name: str) -> x509.Name:
    """A subject of one common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def issue(
    signer: Signer,
    *,
    subject: x509.Name,
    key: rsa.RSAPublicKey,
    is_authority: bool,
    digest: str = "sha1",
) -> x509.Certificate:
    """A certificate whose times are over; digest: sha1 or sha256."""
    draft = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(MADE)
        .not_valid_after(MADE + LIFE)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .sign(signer.key, hashes.SHA256())
    )
    return draft if digest == "sha256" else _sign_again(draft, key=signer.key)


def _sign_again(draft: x509.Certificate, *, key: rsa.RSAPrivateKey) -> x509.Certificate:
    """With SHA-1, which no library signs certificates with any more."""
    whole = asn1_x509.Certificate.load(draft.public_bytes(Encoding.DER))
    for algorithm in (whole["tbs_certificate"]["signature"], whole["signature_algorithm"]):
        algorithm["algorithm"] = "sha1_rsa"
    signed = whole["tbs_certificate"].dump(force=True)
    whole["signature_value"] = key.sign(signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    return x509.load_der_x509_certificate(whole.dump(force=True))
