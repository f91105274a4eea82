"""A real SCEP client that was not written here: strongSwan's `pki --scepca` and `pki --scep`."""

import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from django.utils import timezone

from scep.models import ChallengeType, HeldRequest, IssuedCertificate, ScepProfile
from scep.services.challenges import create_dynamic_challenge
from scep.services.held_requests import approve_request
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


def fetch_authorities(url: str, *, folder: Path) -> list[str]:
    """Ask once for the CAs and the RA; return the arguments that name them."""
    if not (folder / "ca.pem").exists():
        run_pki(
            "--scepca", "--url", url, "--caout", "ca.pem", "--raout", "ra.pem",
            "--outform", "pem", folder=folder,
        )  # fmt: skip
    (ra,) = folder.glob("ra*.pem")
    authorities = [argument for path in folder.glob("ca*.pem") for argument in ("-C", path.name)]
    return ["--cacert-enc", ra.name, "--cacert-sig", ra.name, *authorities]


def make_key_file(name: str, *, folder: Path) -> None:
    key = run_pki("--gen", "--type", "rsa", "--size", "2048", "--outform", "pem", folder=folder)
    (folder / name).write_bytes(key)


def ask(
    url: str, *arguments: str, folder: Path, key: str = "key.pem"
) -> "subprocess.CompletedProcess[bytes]":
    """Run `pki --scep`. Version 5.9.8 never takes AES for supported, so it is told 3DES."""
    return subprocess.run(
        ["pki", "--scep", "--url", url, "--in", key, "--dn", "CN=strongswan",
         "--cipher", "des3", "--digest", "sha256", "--outform", "pem", *arguments],
        cwd=folder, capture_output=True, check=False, timeout=60,
    )  # fmt: skip


def enroll(url: str, *, folder: Path, challenge: str) -> "subprocess.CompletedProcess[bytes]":
    authorities = fetch_authorities(url, folder=folder)
    make_key_file("key.pem", folder=folder)
    return ask(url, "--password", challenge, *authorities, folder=folder)


def make_challenge(profile: ScepProfile) -> str:
    """Return what a device with this profile would have in its payload."""
    from devices.models import Group
    from enrollment.services.token_texts import build_token_text
    from enrollment.services.tokens import create_token

    if profile.challenge_type == ChallengeType.DYNAMIC:
        return create_dynamic_challenge(profile, session_id="", now=timezone.now())
    if profile.challenge_type == ChallengeType.STATIC:
        return STATIC_CHALLENGE
    token = create_token(
        name="strongSwan",
        group=Group.objects.order_by("id").latest("id"),
        expires_at=timezone.now() + timedelta(days=1),
        max_uses=1,
        scep_profile=profile,
        actor="tests",
    )
    return build_token_text(token)


@pytest.mark.parametrize("challenge_type", ChallengeType.values)
def test_strongswan_enrolls_and_renews_with_every_kind_of_challenge(
    live_server: Any, legacy_profile: ScepProfile, tmp_path: Path, challenge_type: str
) -> None:
    profile = legacy_profile
    profile.challenge_type, profile.renewal_days = challenge_type, 400
    profile.save()
    url = f"{live_server.url}/scep/{profile.public_id}"
    done = enroll(url, folder=tmp_path, challenge=make_challenge(profile))
    assert done.returncode == 0, done.stderr.decode()
    (old,) = x509.load_pem_x509_certificates(done.stdout)
    (tmp_path / "old.pem").write_bytes(done.stdout)
    make_key_file("new.pem", folder=tmp_path)
    done = ask(
        url, "--cert", "old.pem", "--key", "key.pem", *fetch_authorities(url, folder=tmp_path),
        folder=tmp_path, key="new.pem",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    (new,) = x509.load_pem_x509_certificates(done.stdout)
    assert new.subject == old.subject
    assert new.public_key() != old.public_key()
    row = IssuedCertificate.objects.get(serial=f"{new.serial_number:x}")
    assert row.renews is not None
    assert row.renews.serial == f"{old.serial_number:x}"


def test_strongswan_polls_until_an_administrator_has_approved(
    live_server: Any, legacy_profile: ScepProfile, tmp_path: Path
) -> None:
    legacy_profile.hold_for_approval = True
    legacy_profile.save()
    url = f"{live_server.url}/scep/{legacy_profile.public_id}"
    authorities = fetch_authorities(url, folder=tmp_path)
    make_key_file("key.pem", folder=tmp_path)
    with ThreadPoolExecutor(max_workers=1) as pool:
        client = pool.submit(
            ask, url, "--password", STATIC_CHALLENGE, *authorities, "--interval", "1",
            "--maxpolltime", "30", folder=tmp_path,
        )  # fmt: skip
        while not HeldRequest.objects.exists() and not client.done():
            time.sleep(0.1)
        if not client.done():
            time.sleep(1.5)  # at least one poll is answered with PENDING
            held = HeldRequest.objects.get()
            approve_request(held, actor="admin@example.com", now=timezone.now())
        done = client.result()
    assert done.returncode == 0, done.stderr.decode()
    (certificate,) = x509.load_pem_x509_certificates(done.stdout)
    held = HeldRequest.objects.get()
    assert held.certificate is not None
    assert held.certificate.serial == f"{certificate.serial_number:x}"


def test_strongswan_is_refused_when_the_challenge_is_wrong(
    live_server: Any, legacy_profile: ScepProfile, tmp_path: Path
) -> None:
    url = f"{live_server.url}/scep/{legacy_profile.public_id}"
    done = enroll(url, folder=tmp_path, challenge="wrong")
    assert done.returncode != 0
    assert b"failInfo:     badRequest" in done.stderr
    assert not IssuedCertificate.objects.exists()


def test_strongswan_is_told_bad_time_when_it_renews_too_early(
    live_server: Any, legacy_profile: ScepProfile, tmp_path: Path
) -> None:
    url = f"{live_server.url}/scep/{legacy_profile.public_id}"
    done = enroll(url, folder=tmp_path, challenge=STATIC_CHALLENGE)
    (tmp_path / "old.pem").write_bytes(done.stdout)
    make_key_file("new.pem", folder=tmp_path)
    done = ask(
        url, "--cert", "old.pem", "--key", "key.pem", *fetch_authorities(url, folder=tmp_path),
        folder=tmp_path, key="new.pem",
    )  # fmt: skip
    assert done.returncode != 0
    assert b"badTime" in done.stderr
