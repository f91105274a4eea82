"""Which certificates are Apple devices' identities: by Apple's real chain, and by one like it."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from enrollment.errors import ProfileServiceRefused
from enrollment.protocol.device_authority import (
    DeviceAuthority,
    DeviceAuthorityInvalid,
    decode_authority,
    verify_device_certificate,
)
from tests.simulator.factory import (
    FactoryAuthority,
    Signer,
    build_name,
    generate_key,
    issue,
    make_authority,
)
from tests.simulator.hardware import make_hardware

APPLE = Path(__file__).parents[3] / "enrollment" / "device_ca" / "apple.pem"
# Of the certificates as Apple's devices send them, device CA first.
FINGERPRINTS = [
    "76f27d00e1333bc88de0e2916c38c9a7f2b75774c25a794c092a80e3c4c66cce",
    "e4e2936d3c076ec4aea8ac37277524950ca005894b39bba2d347fa33155ae5fa",
    "b0b1730ecbc7ff4505142c49f1295e6eda6bcaed7e2c68c5be91b5a11001f024",
]


@pytest.fixture(scope="module")
def apple() -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(APPLE.read_bytes())


@pytest.fixture(scope="module")
def factory() -> FactoryAuthority:
    return make_authority()


def is_trusted(certificate: x509.Certificate, *, issuer: x509.Certificate) -> bool:
    try:
        verify_device_certificate(certificate, authority=DeviceAuthority(issuer))
    except ProfileServiceRefused as refusal:
        return refusal.code != "device_certificate_not_trusted"
    return True


def openssl_verifies(folder: Path, *certificates: x509.Certificate) -> bool:
    """OpenSSL's opinion of a chain, leaf first, with times and weak algorithms let pass."""
    leaf, *others = certificates
    files = [folder / "leaf.pem", folder / "others.pem", folder / "root.pem"]
    for path, rows in zip(files, ([leaf], others, others[-1:]), strict=True):
        path.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in rows))
    command = ["openssl", "verify", "-no_check_time", "-auth_level", "0", "-CAfile", str(files[2])]
    command += ["-untrusted", str(files[1]), str(files[0])]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_apples_chain_is_the_one_held_when_its_file_is_read(
    apple: list[x509.Certificate], tmp_path: Path
) -> None:
    assert [each.fingerprint(hashes.SHA256()).hex() for each in apple] == FINGERPRINTS
    assert decode_authority(APPLE.read_bytes()).issuer == apple[0]
    assert openssl_verifies(tmp_path, *apple)


def test_apples_file_is_refused_when_its_order_or_a_signature_is_wrong(
    apple: list[x509.Certificate], tmp_path: Path
) -> None:
    pem = [each.public_bytes(Encoding.PEM) for each in apple]
    altered = bytearray(apple[0].public_bytes(Encoding.DER))
    altered[-1] ^= 1
    forged = x509.load_der_x509_certificate(bytes(altered))
    assert not openssl_verifies(tmp_path, forged, *apple[1:])
    wrong = [
        [pem[1], pem[0], pem[2]],
        [forged.public_bytes(Encoding.PEM), *pem[1:]],
        [b"nothing"],
        [b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
    ]
    for parts in wrong:
        with pytest.raises(DeviceAuthorityInvalid):
            decode_authority(b"".join(parts))


def test_ca_below_apples_is_no_device_when_its_signature_is_good(
    apple: list[x509.Certificate],
) -> None:
    """The signature is Apple's own, SHA-1 and all; what it is under is a CA."""
    device_ca, iphone_ca, root = apple
    for certificate, issuer in ((device_ca, iphone_ca), (iphone_ca, root)):
        with pytest.raises(ProfileServiceRefused, match="the signer is a CA"):
            verify_device_certificate(certificate, authority=DeviceAuthority(issuer))
    assert not is_trusted(root, issuer=device_ca)
    assert not is_trusted(iphone_ca, issuer=device_ca)


def test_certificate_in_apples_name_is_refused_when_somebody_else_signed_it(
    apple: list[x509.Certificate], tmp_path: Path
) -> None:
    impostor = Signer(generate_key(), apple[0].subject)
    for digest in ("sha1", "sha256"):
        forged = issue(
            impostor,
            subject=build_name("iPhone"),
            key=generate_key().public_key(),
            is_authority=False,
            digest=digest,
        )
        with pytest.raises(ProfileServiceRefused, match="is not the CA's"):
            verify_device_certificate(forged, authority=DeviceAuthority(apple[0]))
        assert not openssl_verifies(tmp_path, forged, *apple)


@pytest.mark.parametrize("digest", ["sha1", "sha256"])
def test_device_is_trusted_when_its_pinned_and_expired_ca_signed_it(
    factory: FactoryAuthority, tmp_path: Path, digest: str
) -> None:
    certificate = factory.make_identity(make_hardware("ios"), digest=digest).certificate
    assert decode_authority(factory.ca_pem).issuer == factory.certificate
    assert is_trusted(certificate, issuer=factory.certificate)
    assert openssl_verifies(tmp_path, certificate, factory.certificate, *factory.chain)


def test_device_is_refused_when_another_ca_signed_it(factory: FactoryAuthority) -> None:
    """Of another name, of the same name, and the CA above the pinned one."""
    other, hardware = make_authority(), make_hardware("ios")
    certificate = other.make_identity(hardware).certificate
    assert not is_trusted(certificate, issuer=factory.certificate)
    assert not is_trusted(factory.certificate, issuer=factory.chain[0])
    above = factory.make_identity(hardware).certificate
    assert not is_trusted(above, issuer=factory.chain[0])


@pytest.mark.parametrize(("bits", "is_taken"), [(1016, False), (4096, True), (4104, False)])
def test_device_is_refused_when_its_key_has_a_size_that_no_devices_has(
    factory: FactoryAuthority, bits: int, is_taken: bool
) -> None:
    """A key of a million bits would be calculated with for minutes."""
    modulus = (1 << bits) - 1  # whether anybody could sign with it is not asked
    certificate = issue(
        Signer(factory.key, factory.certificate.subject),
        subject=build_name("iPhone"),
        key=rsa.RSAPublicNumbers(65537, modulus).public_key(),
        is_authority=False,
    )
    assert is_trusted(certificate, issuer=factory.certificate) is is_taken
