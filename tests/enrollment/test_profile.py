"""The enrollment profile as a device reads it: signed, and key by key as Apple describes it."""

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from django.test import Client
from django.utils import timezone

from devices.models import PushCertificate
from devices.selectors import get_push_certificate
from enrollment.errors import NotReady
from enrollment.models import EnrollmentSession, LogEntry, SessionState
from enrollment.services.profile import release_profile, sign_enrollment_profile
from enrollment.services.token_texts import build_challenge, build_token_text, verify_token
from scep.models import CertificateStatus, IssuedCertificate
from scep.selectors import get_issuing_ca, get_root_ca
from scep.services.challenges import check_challenge
from tests.enrollment.apple_facts import FACTS
from tests.enrollment.conftest import IPHONE, MAC, MakeSession, MakeToken, OpenProfile

pytestmark = pytest.mark.django_db

SCEP, PKCS12, MDM = "com.apple.security.scep", "com.apple.security.pkcs12", "com.apple.mdm"


def check_keys(members: dict[str, Any], *, known: dict[str, Any], what: str) -> None:
    """Every key is Apple's, of its type and range, and the required ones are there."""
    for key, value in members.items():
        assert key in known, f"{what}: {key} is not in Apple's schema"
        kind, _, allowed = known[key]
        assert type(value) is kind or kind is object, f"{what}: {key} is a {type(value)}"
        assert allowed is None or value in allowed, f"{what}: {key} is {value}"
    missing = {key for key, (_, required, _) in known.items() if required} - set(members)
    assert not missing, f"{what} lacks {missing}"


def find_payload(profile: dict[str, Any], payload_type: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [
        item for item in profile["PayloadContent"] if item["PayloadType"] == payload_type
    ]
    assert len(found) == 1
    return found[0]


def build(session: EnrollmentSession) -> bytes:
    return release_profile(session, now=timezone.now())


@pytest.mark.parametrize("platform", ["ios", "ipados", "macos", ""])
@pytest.mark.parametrize("challenge", ["dynamic", "static", "token", "none"])
def test_profile_conforms_when_read_by_apples_schema(
    make_token: MakeToken,
    make_session: MakeSession,
    open_profile: OpenProfile,
    platform: str,
    challenge: str,
) -> None:
    session = make_session(make_token(challenge=challenge), platform=platform)
    profile = open_profile(build(session))
    check_keys(profile, known=FACTS["TopLevel"], what="profile")
    for payload in profile["PayloadContent"]:
        kind = payload["PayloadType"]
        check_keys(payload, known=FACTS["CommonPayloadKeys"] | FACTS[kind], what=kind)
        if kind == SCEP:
            content = payload["PayloadContent"]
            check_keys(content, known=FACTS[f"{SCEP}/PayloadContent"], what="SCEP content")
    uuids = [payload["PayloadUUID"] for payload in (profile, *profile["PayloadContent"])]
    identifiers = {item["PayloadIdentifier"] for item in (profile, *profile["PayloadContent"])}
    assert len(set(uuids)) == len(uuids) == len(identifiers) == 4
    kinds = [payload["PayloadType"] for payload in profile["PayloadContent"]]
    identity = PKCS12 if challenge == "none" else SCEP
    assert kinds == ["com.apple.security.root", identity, MDM]


def test_identity_and_server_belong_together_when_the_profile_is_built(
    make_session: MakeSession, open_profile: OpenProfile, settings: Any
) -> None:
    session = make_session()
    profile = open_profile(build(session))
    mdm, scep = find_payload(profile, MDM), find_payload(profile, SCEP)
    assert mdm["IdentityCertificateUUID"] == scep["PayloadUUID"]
    assert mdm["Topic"] == get_push_certificate().topic
    assert mdm["ServerURL"] == f"{settings.BASE_URL}/mdm/connect"
    assert mdm["SignMessage"] is True
    assert mdm["CheckOutWhenRemoved"] is True
    check_in = urlsplit(mdm["CheckInURL"])
    assert check_in.path == "/mdm/checkin"
    challenge = parse_qs(check_in.query)["challenge"][0]
    assert verify_token(challenge, now=timezone.now()).session_id == session.public_id
    root = find_payload(profile, "com.apple.security.root")
    assert root["PayloadContent"] == bytes(get_root_ca().certificate)
    assert not {"PayloadScope", "PayloadRemovalDisallowed"} & set(profile)


def test_profile_leads_to_the_new_address_when_it_changed_since_the_page_was_opened(
    make_session: MakeSession, open_profile: OpenProfile, settings: Any
) -> None:
    session = make_session()
    settings.BASE_URL = "https://new.example.com"
    first = open_profile(build(session))
    settings.BASE_URL = "https://another.example.com"
    session.refresh_from_db()
    renewed = sign_enrollment_profile(
        session,
        identity=find_payload(first, SCEP),
        topic=get_push_certificate().topic,
        access_rights=8191,
    )
    for profile in (first, open_profile(renewed)):
        assert find_payload(profile, MDM)["ServerURL"] == "https://new.example.com/mdm/connect"


def test_device_learns_how_to_ask_when_the_token_has_a_scep_profile(
    make_session: MakeSession, open_profile: OpenProfile, settings: Any
) -> None:
    session = make_session()
    scep_profile = session.token.scep_profile
    assert scep_profile is not None
    content = find_payload(open_profile(build(session)), SCEP)["PayloadContent"]
    assert (
        content["URL"] == f"{settings.BASE_URL}/scep/{scep_profile.public_id}/{session.public_id}"
    )
    assert content["Keysize"] == 2048
    assert content["Key Usage"] == 5
    assert content["CAFingerprint"] == bytes.fromhex(get_issuing_ca().fingerprint)
    assert content["Subject"][1] == [["CN", session.public_id]]
    grant = check_challenge(
        content["Challenge"],
        scep_profile=scep_profile,
        common_name="",
        now=timezone.now(),
    )
    assert grant.session_id == session.public_id


@pytest.mark.parametrize(
    ("challenge", "platform"), [("static", "ios"), ("token", "ios"), ("token", "macos")]
)
def test_challenge_is_the_scep_profiles_when_static_or_token(
    make_token: MakeToken,
    make_session: MakeSession,
    open_profile: OpenProfile,
    challenge: str,
    platform: str,
) -> None:
    session = make_session(make_token(challenge=challenge), platform=platform)
    content = find_payload(open_profile(build(session)), SCEP)["PayloadContent"]
    expected = {"static": "s3cret-challenge", "token": build_challenge(session)}[challenge]
    assert content["Challenge"] == expected


def test_identity_opens_with_its_password_when_there_is_no_scep_profile(
    make_token: MakeToken, make_session: MakeSession, open_profile: OpenProfile
) -> None:
    session = make_session(make_token(challenge="none"))
    payloads = [find_payload(open_profile(build(session)), PKCS12) for _ in range(2)]
    key, certificate, _ = pkcs12.load_key_and_certificates(
        payloads[1]["PayloadContent"], payloads[1]["Password"].encode()
    )
    assert key is not None
    assert certificate is not None
    rows = IssuedCertificate.objects.filter(session_id=session.public_id).order_by("id")
    assert [row.status for row in rows] == [CertificateStatus.REVOKED, CertificateStatus.ISSUED]
    assert rows[1].serial == f"{certificate.serial_number:x}"
    session.refresh_from_db()
    assert session.state == SessionState.PROFILE_DOWNLOADED


def test_identifiers_stay_and_the_challenge_changes_when_downloaded_again(
    make_session: MakeSession, open_profile: OpenProfile
) -> None:
    session = make_session()
    first, second = open_profile(build(session)), open_profile(build(session))
    challenges = [
        find_payload(profile, SCEP)["PayloadContent"].pop("Challenge")
        for profile in (first, second)
    ]
    assert challenges[0] != challenges[1]
    assert first == second
    other = open_profile(build(make_session(session.token)))
    assert other["PayloadUUID"] != first["PayloadUUID"]
    assert other["PayloadIdentifier"] == first["PayloadIdentifier"]


MAC_CAPABILITIES = ["com.apple.mdm.per-user-connections", "com.apple.mdm.bootstraptoken"]


@pytest.mark.parametrize(
    ("agent", "target", "capabilities"),
    [
        (IPHONE, 1, None),
        (MAC, 5, MAC_CAPABILITIES),
        ("curl/8", None, MAC_CAPABILITIES),
    ],
)
def test_profile_fits_the_platform_when_downloaded_by_token(
    client: Client,
    make_token: MakeToken,
    open_profile: OpenProfile,
    agent: str,
    target: int | None,
    capabilities: list[str] | None,
) -> None:
    answer = client.get(
        "/enroll/profile",
        {"token": build_token_text(make_token())},
        headers={"User-Agent": agent},
    )
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/x-apple-aspen-config"
    assert answer["Content-Disposition"] == 'attachment; filename="enroll.mobileconfig"'
    assert answer["Cache-Control"] == "no-store"
    profile = open_profile(answer.content)
    assert profile.get("TargetDeviceType") == target
    assert find_payload(profile, MDM).get("ServerCapabilities") == capabilities


def test_no_profile_leaves_when_there_is_no_push_certificate(
    client: Client, make_token: MakeToken
) -> None:
    PushCertificate.objects.update(is_active=False)
    before = EnrollmentSession.objects.count()
    answer = client.get("/enroll/profile", {"token": build_token_text(make_token())})
    assert answer.status_code == 503
    assert LogEntry.objects.get().code == "push_certificate_missing"
    assert EnrollmentSession.objects.count() == before


def test_no_profile_leaves_when_the_push_certificate_has_expired(
    make_session: MakeSession,
) -> None:
    session = make_session()
    PushCertificate.objects.update(not_after=timezone.now())
    with pytest.raises(NotReady) as caught:
        build(session)
    assert caught.value.code == "push_certificate_expired"


def test_root_ca_is_the_same_when_downloaded_in_each_form(
    client: Client, open_profile: OpenProfile
) -> None:
    profile = open_profile(client.get("/enroll/ca.mobileconfig").content)
    check_keys(profile, known=FACTS["TopLevel"], what="trust profile")
    der = client.get("/enroll/ca.cer").content
    pem = client.get("/enroll/ca.pem").content.decode()
    assert profile["PayloadContent"][0]["PayloadContent"] == der
    assert base64.b64decode("".join(pem.splitlines()[1:-1])) == der
    assert der == bytes(get_root_ca().certificate)


def test_markup_in_a_name_stays_text_when_the_profile_is_built(
    make_session: MakeSession, open_profile: OpenProfile
) -> None:
    session = make_session()
    session.token.organization.name = "R&D <b>Ünit</b> %SerialNumber%"
    profile = open_profile(build(session))
    assert profile["PayloadOrganization"] == "R&D <b>Ünit</b> %SerialNumber%"
    assert json.dumps(profile["PayloadDisplayName"]).count("<b>") == 1
