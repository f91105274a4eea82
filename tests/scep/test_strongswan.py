"""A real SCEP client that was not written here: strongSwan's `pki --scepca` and `pki --scep`."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from scep.models import IssuedCertificate, ScepProfile
from tests.scep.conftest import STATIC_CHALLENGE

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.skipif(shutil.which("pki") is None, reason="strongswan-pki is not installed"),
]


def run_pki(*arguments: str, folder: Path) -> bytes:
    done = subprocess.run(
        ["pki", *arguments], cwd=folder, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def enroll(url: str, *, folder: Path, challenge: str) -> "subprocess.CompletedProcess[bytes]":
    run_pki(
        "--scepca", "--url", url, "--caout", "ca.pem", "--raout", "ra.pem", "--outform", "pem",
        folder=folder,
    )  # fmt: skip
    (folder / "key.pem").write_bytes(
        run_pki("--gen", "--type", "rsa", "--size", "2048", "--outform", "pem", folder=folder)
    )
    (ra,) = folder.glob("ra*.pem")
    authorities = [argument for path in folder.glob("ca*.pem") for argument in ("-C", path.name)]
    return subprocess.run(
        ["pki", "--scep", "--url", url, "--in", "key.pem", "--dn", "CN=strongswan",
         "--password", challenge, "--cipher", "des3", "--digest", "sha256",
         "--cacert-enc", ra.name, "--cacert-sig", ra.name, *authorities, "--outform", "pem"],
        cwd=folder, capture_output=True, check=False, timeout=60,
    )  # fmt: skip


def test_strongswan_enrolls_when_the_challenge_is_right(
    live_server: Any, legacy_profile: ScepProfile, tmp_path: Path
) -> None:
    url = f"{live_server.url}/scep/{legacy_profile.public_id}"
    done = enroll(url, folder=tmp_path, challenge=STATIC_CHALLENGE)
    assert done.returncode == 0, done.stderr.decode()
    (certificate,) = x509.load_pem_x509_certificates(done.stdout)
    assert IssuedCertificate.objects.filter(serial=f"{certificate.serial_number:x}").exists()


def test_strongswan_is_refused_when_the_challenge_is_wrong(
    live_server: Any, legacy_profile: ScepProfile, tmp_path: Path
) -> None:
    url = f"{live_server.url}/scep/{legacy_profile.public_id}"
    done = enroll(url, folder=tmp_path, challenge="wrong")
    assert done.returncode != 0
    assert b"failInfo:     badRequest" in done.stderr
    assert not IssuedCertificate.objects.exists()
