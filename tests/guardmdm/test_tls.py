import subprocess
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone

from guardmdm.tls import ensure_certificate, get_paths
from scep.selectors import get_certificate, get_root_ca

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


def test_apple_accepts_its_lifetime():
    ensure_certificate(now=timezone.now())
    certificate = x509.load_pem_x509_certificate(get_paths()[0].read_bytes())
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime < timedelta(days=398)
