"""The APNs push certificate: requested, imported, renewed; OpenSSL as second opinion."""

import json
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import NameOID
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from devices.errors import PushCertificateInvalid, PushCertificateMissing, TopicChanged
from devices.models import PushCertificate
from devices.selectors import get_push_certificate
from devices.services.push.certificate import (
    create_csr,
    ensure_demo_certificate,
    import_push_certificate,
)
from devices.services.push.stops import refuse_certificate
from tests.devices.conftest import MakeDevice
from tests.simulator.apns import ApnsAuthority, make_authority

pytestmark = pytest.mark.django_db
TOPIC = "com.apple.mgmt.External.11111111-2222-3333-4444-555555555555"


@pytest.fixture(autouse=True)
def no_certificate_yet(bootstrapped: None) -> None:
    PushCertificate.objects.all().delete()


@pytest.fixture(scope="module")
def apple() -> ApnsAuthority:
    return make_authority()


def answer_csr(apple: ApnsAuthority, csr: bytes, *, topic: str = TOPIC, days: int = 365) -> bytes:
    """Certify the key of a CSR as Apple does: a subject of its own, the topic as UID."""
    now = timezone.now()
    key = load_pem_private_key(apple.root.key_pem, password=None)
    root = x509.load_pem_x509_certificate(apple.root.certificate_pem)
    subject = x509.Name([x509.NameAttribute(NameOID.USER_ID, topic)])
    public_key: Any = x509.load_pem_x509_csr(csr).public_key()
    builder = x509.CertificateBuilder(
        root.subject, subject, public_key, 5, now - timedelta(days=1), now + timedelta(days=days)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)  # type: ignore[arg-type]


def load(data: bytes, **options: Any) -> PushCertificate:
    return import_push_certificate(data, now=timezone.now(), actor="ada", **options)


def test_openssl_accepts_the_request_and_its_key_is_rsa_2048(tmp_path: Path) -> None:
    (tmp_path / "csr.pem").write_bytes(create_csr(actor="ada"))
    command = ["openssl", "req", "-in", str(tmp_path / "csr.pem"), "-verify", "-noout", "-text"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Public-Key: (2048 bit)" in text
    assert "sha256WithRSAEncryption" in text


def test_the_same_key_is_requested_until_its_certificate_is_there(apple: ApnsAuthority) -> None:
    first, second = (x509.load_pem_x509_csr(create_csr(actor="ada")).public_key() for _ in range(2))
    assert first == second
    load(answer_csr(apple, create_csr(actor="ada")))
    assert x509.load_pem_x509_csr(create_csr(actor="ada")).public_key() != first


def test_a_certificate_for_our_key_gives_the_topic(apple: ApnsAuthority) -> None:
    with pytest.raises(PushCertificateMissing):
        get_push_certificate()
    load(answer_csr(apple, create_csr(actor="ada")), apple_account="it@example.com")
    row = get_push_certificate()
    assert (get_push_certificate().topic, row.apple_account) == (TOPIC, "it@example.com")
    assert row.not_after is not None
    assert row.not_after > timezone.now() + timedelta(days=300)


def test_a_der_certificate_is_taken_as_well(apple: ApnsAuthority) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    pem = answer_csr(apple, create_csr(actor="ada"))
    load(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER))
    assert get_push_certificate().topic == TOPIC


def test_pem_with_key_and_pkcs12_are_taken(apple: ApnsAuthority) -> None:
    pair = apple.issue_push_certificate(TOPIC)
    load(pair.pem)
    assert get_push_certificate().topic == TOPIC
    other = apple.issue_push_certificate(TOPIC)
    package = pkcs12.serialize_key_and_certificates(
        b"push",
        load_pem_private_key(other.key_pem, password=None),  # type: ignore[arg-type]
        x509.load_pem_x509_certificate(other.certificate_pem),
        None,
        BestAvailableEncryption(b"open sesame"),
    )
    with pytest.raises(PushCertificateInvalid):
        load(package, password="wrong")
    load(package, password="open sesame")
    assert PushCertificate.objects.filter(is_active=True).count() == 1


def test_the_certificate_is_found_in_a_file_that_begins_with_its_chain(
    apple: ApnsAuthority,
) -> None:
    pair = apple.issue_push_certificate(TOPIC)
    load(apple.root.certificate_pem + pair.pem)
    assert get_push_certificate().topic == TOPIC


def test_a_password_that_nothing_needs_is_no_reason_to_refuse(apple: ApnsAuthority) -> None:
    load(apple.issue_push_certificate(TOPIC).pem, password="of something else")
    assert get_push_certificate().topic == TOPIC


def make_odd(apple: ApnsAuthority) -> list[tuple[bytes, dict[str, Any], str]]:
    """Files that the library refuses with errors which are no ValueError."""
    pair = apple.issue_push_certificate(TOPIC)
    der = x509.load_pem_x509_certificate(pair.certificate_pem).public_bytes(Encoding.DER)
    command = "openssl ecparam -name brainpoolP256r1 -genkey -noout -param_enc explicit"
    curve = subprocess.run(command.split(), check=True, capture_output=True).stdout
    version, key_kind = bytes.fromhex("a003020102"), bytes.fromhex("2a864886f70d010101")
    return [
        (der.replace(version, version[:-1] + b"\x01", 1), {}, "neither a certificate"),
        (der.replace(key_kind, key_kind[:-1] + b"\x55", 1), {}, "public key is of an unknown kind"),
        (pair.certificate_pem, {"key": curve}, "private key cannot be read"),
    ]


def test_a_file_of_a_kind_that_nobody_reads_is_refused(apple: ApnsAuthority) -> None:
    create_csr(actor="ada")  # there is a key to compare with
    for data, options, reason in make_odd(apple):
        with pytest.raises(PushCertificateInvalid, match=reason):
            load(data, **options)


def test_a_renewal_keeps_the_topic_and_takes_over(apple: ApnsAuthority) -> None:
    load(answer_csr(apple, create_csr(actor="ada"), days=20), apple_account="it@example.com")
    old = get_push_certificate()
    load(answer_csr(apple, create_csr(actor="ada")))
    new = get_push_certificate()
    assert new.pk != old.pk
    assert new.topic == old.topic
    assert new.apple_account == "it@example.com"


def test_the_account_is_known_again_when_the_topic_returns_after_another(
    apple: ApnsAuthority,
) -> None:
    load(apple.issue_push_certificate(TOPIC).pem, apple_account="it@example.com", note="Ada's")
    load(apple.issue_push_certificate("com.apple.mgmt.External.other").pem)
    assert get_push_certificate().apple_account == ""
    load(apple.issue_push_certificate(TOPIC).pem)
    row = get_push_certificate()
    assert (row.apple_account, row.note) == ("it@example.com", "Ada's")


def test_another_topic_is_refused_while_devices_would_be_lost(
    apple: ApnsAuthority, make_device: MakeDevice
) -> None:
    load(apple.issue_push_certificate(TOPIC).pem)
    make_device().enroll()
    other = apple.issue_push_certificate("com.apple.mgmt.External.other").pem
    with pytest.raises(PushCertificateInvalid, match="1 enrolled device:"):
        load(other)
    assert get_push_certificate().topic == TOPIC
    with pytest.raises(TopicChanged):
        load(other, accepted_loss=0)
    load(other, accepted_loss=1)
    assert get_push_certificate().topic == "com.apple.mgmt.External.other"


def test_what_is_no_usable_push_certificate_is_refused_with_its_reason(
    apple: ApnsAuthority,
) -> None:
    pair, stranger = (apple.issue_push_certificate(TOPIC) for _ in range(2))
    csr = create_csr(actor="ada")
    cases: list[tuple[bytes, dict[str, Any], str]] = [
        (b"nonsense", {}, "neither"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", {}, "no certificate"),
        (csr, {}, "no certificate"),
        (bytes(100_000), {}, "too large"),
        (pair.certificate_pem, {}, "no key stored here"),
        (stranger.key_pem + pair.certificate_pem, {}, "does not belong"),
        (pair.certificate_pem, {"key": stranger.key_pem}, "does not belong"),
        (pair.certificate_pem, {"key": b"nonsense"}, "cannot be read"),
        (apple.issue_push_certificate("com.example.app").pem, {}, "no push topic"),
        (answer_csr(apple, csr, days=0), {}, "expired"),
    ]
    for data, options, reason in cases:
        with pytest.raises(PushCertificateInvalid, match=reason):
            load(data, **options)
    assert not PushCertificate.objects.filter(is_active=True).exists()


def test_a_demo_certificate_is_made_once_and_never_instead_of_a_real_one(
    apple: ApnsAuthority,
) -> None:
    demo = ensure_demo_certificate()
    assert ensure_demo_certificate() == demo
    assert demo.topic.startswith("com.apple.mgmt.External.")
    load(apple.issue_push_certificate(TOPIC).pem)
    assert ensure_demo_certificate().topic == TOPIC


def test_no_private_key_lies_open_in_the_database() -> None:
    ensure_demo_certificate()
    key = bytes(get_push_certificate().private_key or b"")
    with connection.cursor() as cursor:
        cursor.execute("SELECT private_key FROM devices_pushcertificate")
        [(stored,)] = cursor.fetchall()
    assert key[:4] == b"\x30\x82" + key[2:4]
    assert key not in bytes(stored)


def test_the_command_requests_imports_and_reports(
    apple: ApnsAuthority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        call_command("push_certificate", "status", "--json")
    assert json.loads(capsys.readouterr().out) == {"topic": None}
    call_command("push_certificate", "csr")
    csr = capsys.readouterr().out.encode()
    (tmp_path / "push.pem").write_bytes(answer_csr(apple, csr))
    account = ("--apple-account", "it@example.com")
    call_command("push_certificate", "import", str(tmp_path / "push.pem"), *account)
    assert TOPIC in capsys.readouterr().out
    call_command("push_certificate", "status", "--json")
    status = json.loads(capsys.readouterr().out)
    assert (status["topic"], status["apple_account"]) == (TOPIC, "it@example.com")
    refuse_certificate(get_push_certificate(), reason="BadCertificate", now=timezone.now())
    with pytest.raises(SystemExit):
        call_command("push_certificate", "status")
    assert "Apple refuses it: BadCertificate" in capsys.readouterr().out
    with pytest.raises(CommandError, match="No such file"):
        call_command("push_certificate", "import", str(tmp_path / "nowhere.pem"))
    (tmp_path / "bad.pem").write_text("nonsense")
    with pytest.raises(CommandError, match="neither"):
        call_command("push_certificate", "import", str(tmp_path / "bad.pem"))
