"""What devices trust: our own root CA, and those that imported CAs stand on."""

from pathlib import Path

import pytest
from cryptography import x509
from django.test import Client
from django.utils import timezone

from enrollment.services.profile import release_profile
from scep.models import CertificateAuthority
from scep.selectors import get_certificate, get_root_ca, list_chain
from scep.services.authority_import import import_authority
from scep.services.issuance import issue_identity
from scep.services.rotation import activate_authority
from tests.enrollment.conftest import MakeSession, OpenProfile
from tests.enrollment.test_profile import find_payload
from tests.scep.corporate_ca import make_corporation
from tests.scep.reply import run_openssl, write_pem

pytestmark = pytest.mark.django_db
ROOT = "com.apple.security.root"


def take_imported() -> CertificateAuthority:
    now = timezone.now()
    row = import_authority(make_corporation().bundle, actor="tests", now=now)
    return activate_authority(row, actor="tests", now=now)


def list_roots(profile: dict[str, list[dict[str, object]]]) -> list[dict[str, object]]:
    return [each for each in profile["PayloadContent"] if each["PayloadType"] == ROOT]


def test_enrollment_profile_carries_every_root_when_an_imported_ca_issues(
    make_session: MakeSession, open_profile: OpenProfile
) -> None:
    session = make_session()
    (before,) = list_roots(open_profile(release_profile(session, now=timezone.now())))
    imported = get_certificate(list_chain(take_imported())[-1])
    session.token.refresh_from_db()
    profile = open_profile(release_profile(session, now=timezone.now()))
    own, other = list_roots(profile)
    assert own == before
    assert own["PayloadContent"] == bytes(get_root_ca().certificate)
    assert x509.load_der_x509_certificate(bytes(other["PayloadContent"])) == imported  # type: ignore[call-overload]
    assert own["PayloadIdentifier"] != other["PayloadIdentifier"]
    uuids = [each["PayloadUUID"] for each in profile["PayloadContent"]]
    assert len({*uuids}) == len(uuids)


def test_payload_names_the_ca_whose_fingerprint_it_pins(
    make_session: MakeSession, open_profile: OpenProfile
) -> None:
    """GetCACert sends the name back: also after the next rotation the device finds this CA."""
    row = take_imported()
    session = make_session()
    session.token.refresh_from_db()
    payload = find_payload(
        open_profile(release_profile(session, now=timezone.now())), "com.apple.security.scep"
    )["PayloadContent"]
    assert payload["Name"] == row.public_id
    assert payload["CAFingerprint"] == bytes.fromhex(row.fingerprint)


def test_downloaded_roots_let_openssl_believe_old_and_new_identities(
    client: Client, open_profile: OpenProfile, tmp_path: Path
) -> None:
    now = timezone.now()
    identities = [issue_identity(session_id="", token_id="", common_name="old", now=now)[2]]
    take_imported()
    identities.append(issue_identity(session_id="", token_id="", common_name="new", now=now)[2])
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(client.get("/enroll/ca.pem").content)
    for identity in identities:
        between = [get_certificate(each) for each in list_chain(identity.issuer)[:-1]]
        run_openssl(
            "verify", "-x509_strict", "-CAfile", str(trusted),
            "-untrusted", write_pem(tmp_path, "between.pem", *between),
            write_pem(tmp_path, "leaf.pem", get_certificate(identity)),
        )  # fmt: skip
    assert client.get("/enroll/ca.cer").content == bytes(get_root_ca().certificate)
    assert len(list_roots(open_profile(client.get("/enroll/ca.mobileconfig").content))) == 2
