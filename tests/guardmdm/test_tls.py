import io
import json
import subprocess
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.management import call_command
from django.utils import timezone

from guardmdm.tasks import renew_server_certificate
from guardmdm.tls import ensure_certificate, get_paths
from scep.models import ServiceCertificate
from scep.selectors import get_certificate, get_issuing_ca, get_root_ca, list_expiring
from scep.services.authority_end import revoke_authority
from scep.services.authority_import import import_authority
from scep.services.rotation import activate_authority, prepare_authority
from tests.scep.corporate_ca import make_corporation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.BASE_URL = "https://mdm.example.com:8443"


def verify(tmp_path, host):
    """OpenSSL as a TLS client would see it, with nothing but the root CA trusted."""
    certificate, _ = get_paths()
    root = tmp_path / "root.pem"
    root.write_bytes(get_certificate(get_root_ca()).public_bytes(Encoding.PEM))
    command = ["openssl", "verify", "-CAfile", root, "-untrusted", certificate]
    command += ["-purpose", "sslserver", "-verify_hostname", host, certificate]
    return subprocess.run(command, capture_output=True, text=True)


def test_clients_that_trust_the_root_trust_the_server(tmp_path):
    ensure_certificate(now=timezone.now())
    assert verify(tmp_path, "mdm.example.com").returncode == 0
    assert verify(tmp_path, "other.example.com").returncode != 0


def test_the_key_is_its_owners_and_belongs_to_the_certificate(tmp_path):
    ensure_certificate(now=timezone.now())
    certificate, key = get_paths()
    assert key.stat().st_mode & 0o777 == 0o600
    public = [
        subprocess.check_output(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"]),
        subprocess.check_output(["openssl", "pkey", "-in", key, "-pubout"]),
    ]
    assert public[0] == public[1]


def test_a_certificate_is_kept_until_it_nears_its_end_or_the_host_changes(settings):
    now = timezone.now()
    assert ensure_certificate(now=now)
    assert not ensure_certificate(now=now)
    assert ensure_certificate(now=now + timedelta(days=370))
    settings.BASE_URL = "https://192.0.2.7"
    assert ensure_certificate(now=now)
    assert not ensure_certificate(now=now)


def test_the_command_tells_a_script_whether_it_made_one():
    said = []
    for _ in range(2):
        output = io.StringIO()
        call_command("server_certificate", json=True, stdout=output)
        said.append(json.loads(output.getvalue()))
    certificate = str(get_paths()[0])
    assert said == [{"made": made, "certificate": certificate} for made in (True, False)]


def test_another_takes_its_place_when_the_ca_above_it_is_revoked():
    now, old = timezone.now(), get_issuing_ca()
    ensure_certificate(now=now)
    following = prepare_authority(key_type="ec_p256", activates_at=None, actor="tests", now=now)
    activate_authority(following, actor="tests", now=now)
    old.refresh_from_db()
    assert not ensure_certificate(now=now)
    revoke_authority(old, reason="key_compromise", actor="tests", now=now)
    assert ensure_certificate(now=now)
    assert ServiceCertificate.objects.get(purpose="tls_server", is_active=True).issuer == following
    assert not ensure_certificate(now=now)


def test_apple_accepts_its_lifetime():
    ensure_certificate(now=timezone.now())
    certificate = x509.load_pem_x509_certificate(get_paths()[0].read_bytes())
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime < timedelta(days=398)


def test_it_is_recorded_without_its_key_and_takes_the_place_of_the_one_before():
    now = timezone.now()
    ensure_certificate(now=now)
    certificate = x509.load_pem_x509_certificate(get_paths()[0].read_bytes())
    row = ServiceCertificate.objects.get(purpose="tls_server")
    assert row.serial == f"{certificate.serial_number:x}"
    assert row.not_after == certificate.not_valid_after_utc
    assert row.private_key is None
    ensure_certificate(now=now + timedelta(days=300))
    rows = ServiceCertificate.objects.filter(purpose="tls_server")
    assert [each.is_active for each in rows.order_by("id")] == [False, True]


def test_it_renews_before_anybody_is_warned_of_its_end():
    now = timezone.now()
    ensure_certificate(now=now)
    later = now + timedelta(days=397 - 119)
    assert [each.kind for each in list_expiring(now=later, within=timedelta(days=90))] == []
    assert ensure_certificate(now=later)


def test_the_scheduled_task_renews_only_what_this_server_has_made():
    renew_server_certificate()
    assert not get_paths()[0].exists()
    ensure_certificate(now=timezone.now() - timedelta(days=300))
    before = get_paths()[0].read_bytes()
    renew_server_certificate()
    after = get_paths()[0].read_bytes()
    assert after != before
    renew_server_certificate()
    assert get_paths()[0].read_bytes() == after


def test_clients_that_trust_only_our_root_trust_the_server_when_a_foreign_ca_issues(tmp_path):
    now = timezone.now()
    imported = import_authority(make_corporation().bundle, actor="tests", now=now)
    activate_authority(imported, actor="tests", now=now)
    ensure_certificate(now=now)
    done = verify(tmp_path, "mdm.example.com")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("key_type", ["rsa_2048", "ec_p256"])
def test_clients_trust_the_server_whatever_key_the_ca_has(tmp_path, key_type):
    now = timezone.now()
    row = prepare_authority(key_type=key_type, activates_at=None, actor="tests", now=now)
    activate_authority(row, actor="tests", now=now)
    ensure_certificate(now=now)
    assert len(x509.load_pem_x509_certificates(get_paths()[0].read_bytes())) == 2
    assert verify(tmp_path, "mdm.example.com").returncode == 0


def test_it_names_the_addresses_so_that_a_browser_can_be_asked_under_another_name(monkeypatch):
    now, found = timezone.now(), ["192.0.2.7", "2001:db8::7", "fe80::1%eth0"]
    monkeypatch.setattr("guardmdm.tls.look_up", lambda *_, **__: found)
    assert ensure_certificate(now=now)
    certificate = x509.load_pem_x509_certificate(get_paths()[0].read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = {str(each) for each in names.get_values_for_type(x509.IPAddress)}
    assert addresses == {"127.0.0.1", "192.0.2.7", "2001:db8::7"}
    for seen, is_new in ((["192.0.2.8", "192.0.2.7"], False), ([], False), (["192.0.2.9"], True)):
        found[:] = seen
        assert ensure_certificate(now=now) is is_new, seen
