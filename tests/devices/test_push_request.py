"""Our CSR signed by an MDM vendor, taken apart as Apple's portal does; OpenSSL checks it."""

import base64
import plistlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from django.core.management import CommandError, call_command
from django.utils import timezone

from devices.errors import VendorCertificateInvalid
from devices.models import PushCertificate
from devices.services.push.certificate import create_csr, create_push_request
from organization.models import AuditEntry
from tests.scep.corporate_ca import CorporateCa, make_ec_key

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


class Vendor:
    """An MDM vendor with a certificate below an intermediate and a root."""

    def __init__(self, *, key: Any = None, until: datetime = NOW + timedelta(days=90)) -> None:
        self.root = CorporateCa("Example Root CA")
        self.intermediate = CorporateCa("Example Developer Relations", parent=self.root)
        self.key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "MDM Vendor: Example")])
        builder = x509.CertificateBuilder(
            self.intermediate.certificate.subject, name, self.key.public_key(), 7,
            NOW - timedelta(days=300), until,
        )  # fmt: skip
        self.certificate = builder.sign(self.intermediate.key, hashes.SHA256())

    @property
    def key_pem(self) -> bytes:
        return bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    @property
    def pem(self) -> bytes:
        own = self.certificate.public_bytes(Encoding.PEM)
        return own + self.root.pem + self.intermediate.pem


@pytest.fixture(scope="module")
def vendor() -> Vendor:
    return Vendor()


def request(data: bytes, **options: Any) -> bytes:
    return create_push_request(data, now=timezone.now(), actor="ada", **options)


def test_openssl_verifies_the_request_when_a_vendor_has_signed_it(
    vendor: Vendor, tmp_path: Path
) -> None:
    signed = plistlib.loads(base64.b64decode(request(vendor.pem, key=vendor.key_pem)))
    der = base64.b64decode(signed["PushCertRequestCSR"])
    ours = x509.load_pem_x509_csr(create_csr(actor="ada"))
    assert x509.load_der_x509_csr(der).public_key() == ours.public_key()
    (tmp_path / "csr.der").write_bytes(der)
    (tmp_path / "signature").write_bytes(base64.b64decode(signed["PushCertSignature"]))
    (tmp_path / "chain.pem").write_text(signed["PushCertCertificateChain"])
    chain = x509.load_pem_x509_certificates(signed["PushCertCertificateChain"].encode())
    assert chain == [
        vendor.certificate,
        vendor.intermediate.certificate,
        vendor.root.certificate,
    ]
    public = subprocess.run(
        ["openssl", "x509", "-in", str(tmp_path / "chain.pem"), "-pubkey", "-noout"],
        check=True, capture_output=True,
    ).stdout  # fmt: skip
    (tmp_path / "public.pem").write_bytes(public)
    verify = ["openssl", "dgst", "-sha256", "-verify", str(tmp_path / "public.pem")]
    verify += ["-signature", str(tmp_path / "signature"), str(tmp_path / "csr.der")]
    assert b"Verified OK" in subprocess.run(verify, check=True, capture_output=True).stdout


def test_a_pkcs12_is_opened_when_its_password_is_given(vendor: Vendor) -> None:
    package = pkcs12.serialize_key_and_certificates(
        b"vendor", vendor.key, vendor.certificate,
        [vendor.root.certificate, vendor.intermediate.certificate],
        BestAvailableEncryption(b"open sesame"),
    )  # fmt: skip
    assert request(package, password="open sesame")
    with pytest.raises(VendorCertificateInvalid, match="password"):
        request(package, password="wrong")


def test_the_vendors_key_is_kept_nowhere_and_the_signing_is_audited(vendor: Vendor) -> None:
    request(vendor.pem + vendor.key_pem)
    entry = AuditEntry.objects.get(action="push_certificate.request")
    assert entry.detail == {"vendor": "CN=MDM Vendor: Example"}
    (row,) = PushCertificate.objects.filter(certificate=None)
    assert vendor.key_pem not in bytes(row.private_key or b"")


def test_what_no_vendor_can_sign_with_is_refused_with_its_reason(vendor: Vendor) -> None:
    incomplete = vendor.certificate.public_bytes(Encoding.PEM)
    elliptic = Vendor(key=make_ec_key())
    past = Vendor(key=vendor.key, until=NOW - timedelta(days=1))
    root = vendor.root
    cases: list[tuple[bytes, bytes | None, str]] = [
        (b"nonsense", None, "neither"),
        (vendor.pem, None, "no private key"),
        (vendor.pem, elliptic.key_pem, "none of the certificates"),
        (incomplete, vendor.key_pem, "chain is incomplete"),
        (elliptic.pem, elliptic.key_pem, "RSA"),
        (past.pem, past.key_pem, "not valid now"),
        (root.pem, root.key_pem, "RSA|self-signed"),
        (bytes(300_000), None, "larger"),
    ]
    for data, key, reason in cases:
        with pytest.raises(VendorCertificateInvalid, match=reason):
            request(data, key=key)


def test_the_command_prints_the_signed_request(
    vendor: Vendor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "vendor.pem").write_bytes(vendor.pem)
    (tmp_path / "key.pem").write_bytes(vendor.key_pem)
    files = ("--vendor", str(tmp_path / "vendor.pem"), "--vendor-key", str(tmp_path / "key.pem"))
    call_command("push_certificate", "csr", *files)
    assert "PushCertSignature" in plistlib.loads(base64.b64decode(capsys.readouterr().out))
    with pytest.raises(CommandError, match="no private key"):
        call_command("push_certificate", "csr", "--vendor", str(tmp_path / "vendor.pem"))
