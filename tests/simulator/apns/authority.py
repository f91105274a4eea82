"""The fake APNs' own CA with a server certificate, and push certificates like Apple's."""

import ipaddress
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS = 825
CA_KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Pair:
    """A private key and its certificate, both as PEM."""

    key_pem: bytes
    certificate_pem: bytes

    @property
    def pem(self) -> bytes:
        return self.key_pem + self.certificate_pem


@dataclass(frozen=True)
class ApnsAuthority:
    """The CA that a server under test must trust for the fake APNs."""

    root: Pair

    @property
    def ca_pem(self) -> bytes:
        return self.root.certificate_pem

    def issue_server(self, host: str) -> Pair:
        """A TLS server certificate for the host and for loopback."""
        names: list[x509.GeneralName] = [x509.DNSName("localhost")]
        names += [x509.IPAddress(ipaddress.ip_address(ip)) for ip in ("127.0.0.1", "::1")]
        if host not in ("localhost", "127.0.0.1", "::1"):
            names.append(_name_host(host))
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _start(_common_name("Fake APNs"), key).add_extension(
            x509.SubjectAlternativeName(names), critical=False
        )
        return self._sign(builder, key, usage=ExtendedKeyUsageOID.SERVER_AUTH)

    def issue_push_certificate(self, topic: str) -> Pair:
        """An MDM push certificate whose Subject UID is the topic, as Apple's portal."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.USER_ID, topic),
                x509.NameAttribute(NameOID.COMMON_NAME, f"APSP:{topic[-36:]}"),
            ]
        )
        return self._sign(_start(subject, key), key, usage=ExtendedKeyUsageOID.CLIENT_AUTH)

    def _sign(
        self, builder: x509.CertificateBuilder, key: Key, *, usage: x509.ObjectIdentifier
    ) -> Pair:
        root_key = load_pem_private_key(self.root.key_pem, password=None)
        root = x509.load_pem_x509_certificate(self.root.certificate_pem)
        if not isinstance(root_key, ec.EllipticCurvePrivateKey):
            raise TypeError("the fake APNs' CA key is not EC")
        signed = (
            builder.issuer_name(root.subject)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
                critical=False,
            )
            .sign(root_key, hashes.SHA256())
        )
        return _to_pair(key, signed)


def make_authority() -> ApnsAuthority:
    """A fresh CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    # A name of its own: TLS looks issuers up by name, and two runs have two keys.
    name = _common_name(f"Fake APNs Root {secrets.token_hex(4)}")
    root = (
        _start(name, key)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(CA_KEY_USAGE, critical=True)
        .sign(key, hashes.SHA256())
    )
    return ApnsAuthority(_to_pair(key, root))


def load_authority(pem: bytes) -> ApnsAuthority:
    """The CA from `root.pem`: key and certificate in one PEM file."""
    start = pem.index(b"-----BEGIN CERTIFICATE")
    return ApnsAuthority(Pair(pem[:start], pem[start:]))


def _name_host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _start(subject: x509.Name, key: Key) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=VALID_DAYS))
    )


def _to_pair(key: Key, certificate: x509.Certificate) -> Pair:
    return Pair(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        certificate.public_bytes(Encoding.PEM),
    )
