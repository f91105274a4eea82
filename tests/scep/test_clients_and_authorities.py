"""Other people's SCEP clients with each kind of CA: elliptic curve, RSA, imported, single."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from django.utils import timezone

from scep.models import CertificateAuthority, ScepProfile
from scep.selectors import get_certificate, get_issuing_ca, list_chain
from scep.services.authorities import ensure_single_authority
from scep.services.authority_import import import_authority
from scep.services.rotation import activate_authority, prepare_authority
from tests.scep.conftest import STATIC_CHALLENGE
from tests.scep.corporate_ca import make_corporation
from tests.scep.reply import run_openssl, write_pem
from tests.scep.test_strongswan import enroll
from tests.simulator.scep import ScepClient, build_csr, build_name, generate_key
from tests.simulator.trust import is_issued_by

pytestmark = pytest.mark.django_db(transaction=True)
Rotate = Callable[[ScepProfile], CertificateAuthority]


def keep(profile: ScepProfile) -> CertificateAuthority:
    return get_issuing_ca()


def take_rsa(profile: ScepProfile) -> CertificateAuthority:
    now = timezone.now()
    row = prepare_authority(key_type="rsa_2048", activates_at=None, actor="tests", now=now)
    return activate_authority(row, actor="tests", now=now)


def take_imported(profile: ScepProfile) -> CertificateAuthority:
    now = timezone.now()
    row = import_authority(make_corporation().bundle, actor="tests", now=now)
    return activate_authority(row, actor="tests", now=now)


def take_single(profile: ScepProfile) -> CertificateAuthority:
    row = ensure_single_authority(now=timezone.now())
    profile.single_certificate, profile.issuing_ca = True, row
    profile.save()
    return row


EVERY_CA = pytest.mark.parametrize("rotate", [keep, take_rsa, take_imported, take_single])


def verify(leaf: x509.Certificate, *, issuer: CertificateAuthority, folder: Path) -> None:
    issuing, *between, root = [get_certificate(row) for row in list_chain(issuer)]
    run_openssl(
        "verify", "-x509_strict", "-purpose", "sslclient",
        "-CAfile", write_pem(folder, "trusted.pem", root),
        "-untrusted", write_pem(folder, "between.pem", issuing, *between),
        write_pem(folder, "leaf.pem", leaf),
    )  # fmt: skip


@EVERY_CA
def test_simulated_device_enrolls_below_every_kind_of_ca(
    rotate: Rotate, live_server: Any, static_profile: ScepProfile, tmp_path: Path
) -> None:
    """It pins the fingerprint and wants an RSA certificate to encrypt to, as Apple's does."""
    issuer = rotate(static_profile)
    key, subject = generate_key(), build_name([[["CN", "phone"]]])
    with httpx.Client() as http:
        client = ScepClient(
            http,
            f"{live_server.url}/scep/{static_profile.public_id}",
            user_agent="tests",
            name=issuer.public_id,
            fingerprint=bytes.fromhex(issuer.fingerprint),
        )
        csr = build_csr(key, subject=subject, challenge=STATIC_CHALLENGE)
        leaf = client.enroll(key, csr=csr, subject=subject)
    verify(leaf, issuer=issuer, folder=tmp_path)


def test_simulated_device_enrolls_with_a_profile_from_before_the_rotation(
    live_server: Any, static_profile: ScepProfile, tmp_path: Path
) -> None:
    """It finds the CA that it has pinned, and knows the one that issues by now."""
    pinned = get_issuing_ca()
    issuer = take_imported(static_profile)
    key, subject = generate_key(), build_name([[["CN", "phone"]]])
    with httpx.Client() as http:
        client = ScepClient(
            http,
            f"{live_server.url}/scep/{static_profile.public_id}",
            user_agent="tests",
            name=pinned.public_id,
            fingerprint=bytes.fromhex(pinned.fingerprint),
        )
        csr = build_csr(key, subject=subject, challenge=STATIC_CHALLENGE)
        leaf = client.enroll(key, csr=csr, subject=subject)
    assert any(is_issued_by(leaf, issuer=each) for each in client.authorities)
    verify(leaf, issuer=issuer, folder=tmp_path)


@pytest.mark.services
@pytest.mark.skipif(shutil.which("pki") is None, reason="strongswan-pki is not installed")
@pytest.mark.parametrize("rotate", [keep, take_rsa, take_imported])
def test_strongswan_enrolls_below_every_kind_of_ca(
    rotate: Rotate, live_server: Any, legacy_profile: ScepProfile, tmp_path: Path
) -> None:
    issuer = rotate(legacy_profile)
    url = f"{live_server.url}/scep/{legacy_profile.public_id}"
    done = enroll(url, folder=tmp_path, challenge=STATIC_CHALLENGE)
    assert done.returncode == 0, done.stderr.decode()
    (leaf,) = x509.load_pem_x509_certificates(done.stdout)
    verify(leaf, issuer=issuer, folder=tmp_path)
