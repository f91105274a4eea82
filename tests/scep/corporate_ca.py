"""Another organization's CAs, right and wrong ones, made without the server's own code."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PERMITTED = "digital_signature", "key_cert_sign", "crl_sign"
USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def make_ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


@dataclass
class CorporateCa:
    """One CA; `days` may be negative for one that has expired, `usages` names key usage bits.

    `given`: its subject, where that is no CA's.
    """

    name: str
    parent: "CorporateCa | None" = None
    key: Key = field(default_factory=make_ec_key)
    days: int = 3650
    is_authority: bool = True
    path_length: int | None = None
    usages: tuple[str, ...] = PERMITTED
    extensions: tuple[x509.ExtensionType, ...] = ()
    critical: tuple[x509.ExtensionType, ...] = ()
    digest: Any = field(default_factory=hashes.SHA256)
    has_key_identifier: bool = True
    given: x509.Name | None = None
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        signer = self.parent or self
        end = datetime.now(UTC) + timedelta(days=self.days)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(signer.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=7300))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(self.is_authority, self.path_length), True)
            .add_extension(x509.KeyUsage(**{each: each in self.usages for each in USAGES}), True)
        )
        if self.has_key_identifier:
            own = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
            above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
            builder = builder.add_extension(own, False).add_extension(above, False)
        for extension in (*self.extensions, *self.critical):
            builder = builder.add_extension(extension, critical=extension in self.critical)
        self.certificate = builder.sign(signer.key, self.digest)

    @property
    def subject(self) -> x509.Name:
        return (
            self.given
            if self.given is not None
            else x509.Name(
                [
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Corporation"),
                    x509.NameAttribute(NameOID.COMMON_NAME, self.name),
                ]
            )
        )

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.encrypt_key("")

    def encrypt_key(self, password: str) -> bytes:
        encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)

    @property
    def bundle(self) -> bytes:
        """Return the key, the certificate and those above it, PEM."""
        above, each = b"", self
        while each.parent is not None:
            each = each.parent
            above += each.pem
        return self.key_pem + self.pem + above


def make_corporation(**changed: Any) -> CorporateCa:
    """Return an issuing CA below an intermediate CA below a root; `changed` is the issuing CA's."""
    root = CorporateCa("Corporate Root")
    return CorporateCa(
        parent=CorporateCa("Corporate Policy CA", parent=root), **{"name": "Device CA"} | changed
    )


def list_above(ca: CorporateCa) -> list[CorporateCa]:
    """Return the two CAs above one of make_corporation, the root last."""
    assert ca.parent is not None
    assert ca.parent.parent is not None
    return [ca.parent, ca.parent.parent]
