"""Keys and certificates that the simulator's own checks share."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.simulator import build_name, generate_key
from tests.simulator.scep.request import build_key_usage


@dataclass(frozen=True)
class Holder:
    """A key with its certificate."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    def write(self, folder: Path, *, name: str) -> tuple[Path, Path]:
        """Key and certificate as PEM files, for openssl."""
        key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
        key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        certificate.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        return key, certificate


def issue(
    name: str,
    *,
    issuer: Holder | None = None,
    key: rsa.RSAPrivateKey | None = None,
    public_key: rsa.RSAPublicKey | None = None,
    ca: bool = False,
) -> Holder:
    """A certificate for `name`, self-signed without an issuer."""
    own = key or generate_key()
    subject = build_name([[["CN", name]]])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(public_key or own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=10))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if not ca:
        builder = builder.add_extension(build_key_usage(5), critical=True)
    return Holder(own, builder.sign(issuer.key if issuer else own, hashes.SHA256()))


@pytest.fixture(scope="session")
def root() -> Holder:
    return issue("Check Root", ca=True)


@pytest.fixture(scope="session")
def registrar(root: Holder) -> Holder:
    return issue("Check RA", issuer=root)


@pytest.fixture(scope="session")
def device_holder(root: Holder) -> Holder:
    return issue("Check Device", issuer=root)


@pytest.fixture(scope="session")
def spare_key() -> rsa.RSAPrivateKey:
    return generate_key()
