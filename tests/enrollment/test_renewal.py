"""The renewal profile: an update of the very profile that enrolled the device (PROF 2, 14)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from django.utils import timezone

from devices.errors import RenewalNotPossible
from devices.models import Device, Enrollment, PushCertificate
from devices.selectors import get_push_certificate
from enrollment.models import EnrollmentSession, EnrollmentToken, LogEntry, TokenSigningKey
from enrollment.services.profile import release_profile
from enrollment.services.renewal import build_renewal_profile
from enrollment.services.token_texts import build_challenge, verify_token
from enrollment.services.tokens import revoke_token
from scep.errors import ChallengeInvalid
from scep.models import ChallengePurpose, DynamicChallenge, IssuedCertificate, ScepProfile
from scep.selectors import get_ca_certificate_fingerprint
from scep.services.challenges import check_challenge
from scep.services.issuance import issue_identity
from tests.enrollment.apple_facts import FACTS
from tests.enrollment.conftest import MakeSession, MakeToken, OpenProfile
from tests.enrollment.test_profile import check_keys

pytestmark = pytest.mark.django_db

SCEP, PKCS12, MDM = "com.apple.security.scep", "com.apple.security.pkcs12", "com.apple.mdm"
MakeEnrollment = Callable[..., Enrollment]
# What a device compares with the profile that it has; the identity's contents are new.
NEW_EACH_TIME = {SCEP: ("Challenge",), PKCS12: ("PayloadContent", "Password")}


@pytest.fixture
def first() -> dict[str, bytes]:
    """The profile that enrolled each enrollment, by its session."""
    return {}


@pytest.fixture
def make_enrollment(
    make_token: MakeToken, make_session: MakeSession, first: dict[str, bytes]
) -> MakeEnrollment:
    """A device that was enrolled by the session's profile; `challenge` as for make_token."""

    def make(*, challenge: str = "dynamic", platform: str = "ios") -> Enrollment:
        session = make_session(make_token(challenge=challenge, max_uses=10), platform=platform)
        first[session.public_id] = release_profile(session, now=timezone.now())
        row = _issue(session)
        device = Device.objects.create(udid=f"U{row.pk}", serial_number="C02X", platform=platform)
        EnrollmentSession.objects.filter(pk=session.pk).update(
            state="enrolled", device_id=device.public_id
        )
        return Enrollment.objects.create(
            device=device,
            state="live",
            session_id=session.public_id,
            certificate_sha256=row.fingerprint or "",
            certificate_not_after=row.not_after,
            topic=get_push_certificate().topic,
        )

    return make


def _issue(session: EnrollmentSession) -> IssuedCertificate:
    known = IssuedCertificate.objects.filter(session_id=session.public_id).first()
    if known is not None:  # with PKCS#12 it is in the profile
        return known
    _, _, row = issue_identity(
        session_id="", token_id=session.token.jti, common_name=session.public_id, now=timezone.now()
    )
    row.scep_profile, row.session_id = session.token.scep_profile, session.public_id
    row.save()
    return row


def find_identity(profile: dict[str, Any]) -> dict[str, Any]:
    [found] = [each for each in profile["PayloadContent"] if each["PayloadType"] in (SCEP, PKCS12)]
    identity: dict[str, Any] = found
    return identity


def take_out(profile: dict[str, Any]) -> dict[str, Any]:
    """Return what is new each time, taken out of the profile."""
    identity = find_identity(profile)
    inside = identity["PayloadContent"] if identity["PayloadType"] == SCEP else identity
    return {key: inside.pop(key) for key in NEW_EACH_TIME[identity["PayloadType"]]}


def get_session(enrollment: Enrollment) -> EnrollmentSession:
    return EnrollmentSession.objects.get(public_id=enrollment.session_id)


def get_token(enrollment: Enrollment) -> EnrollmentToken:
    return get_session(enrollment).token


def assert_an_update(
    enrollment: Enrollment, *, first: dict[str, bytes], open_profile: OpenProfile
) -> None:
    """Everything that decides about replacing or refusing is as it was."""
    old = open_profile(first[enrollment.session_id])
    new = open_profile(build_renewal_profile(enrollment, now=timezone.now()))
    assert take_out(old) != take_out(new)
    assert old == new


@pytest.mark.parametrize("platform", ["ios", "macos", ""])
@pytest.mark.parametrize("challenge", ["dynamic", "static", "token", "none"])
def test_renewal_profile_is_the_enrollment_profile_with_another_way_to_an_identity(
    make_enrollment: MakeEnrollment,
    open_profile: OpenProfile,
    first: dict[str, bytes],
    challenge: str,
    platform: str,
) -> None:
    enrollment = make_enrollment(challenge=challenge, platform=platform)
    profile = open_profile(build_renewal_profile(enrollment, now=timezone.now()))
    check_keys(profile, known=FACTS["TopLevel"], what="profile")
    assert_an_update(enrollment, first=first, open_profile=open_profile)


@pytest.mark.parametrize("challenge", ["dynamic", "static", "token"])
def test_renewal_challenge_is_a_new_one_for_this_certificate_when_renewed_by_scep(
    make_enrollment: MakeEnrollment, open_profile: OpenProfile, challenge: str
) -> None:
    enrollment, now = make_enrollment(challenge=challenge), timezone.now()
    challenges = [
        take_out(open_profile(build_renewal_profile(enrollment, now=now)))["Challenge"]
        for _ in range(2)
    ]
    scep_profile = get_token(enrollment).scep_profile
    assert scep_profile is not None
    assert challenges[0] != challenges[1]
    for text in challenges:
        grant = check_challenge(text, scep_profile=scep_profile, common_name="x", now=now)
        assert grant.renews_fingerprint == enrollment.certificate_sha256
        assert grant.session_id == enrollment.session_id
        with pytest.raises(ChallengeInvalid):
            check_challenge(
                text, scep_profile=scep_profile, common_name="x", now=now + timedelta(minutes=61)
            )
    purposes = DynamicChallenge.objects.exclude(renews=None).values_list("purpose", flat=True)
    assert set(purposes) == {ChallengePurpose.RENEWAL}


def test_each_pkcs12_renewal_has_a_new_key_and_leaves_the_old_identity_alone(
    make_enrollment: MakeEnrollment, open_profile: OpenProfile
) -> None:
    enrollment = make_enrollment(challenge="none")
    keys: set[int] = set()
    for _ in range(2):
        profile = open_profile(build_renewal_profile(enrollment, now=timezone.now()))
        new = take_out(profile)
        key, certificate, _ = pkcs12.load_key_and_certificates(
            new["PayloadContent"], new["Password"].encode()
        )
        assert isinstance(key, rsa.RSAPrivateKey)
        assert certificate is not None
        assert certificate.public_key() == key.public_key()
        keys.add(key.public_key().public_numbers().n)
    assert len(keys) == 2
    rows = IssuedCertificate.objects.filter(session_id=enrollment.session_id).order_by("id")
    pinned = rows.get(fingerprint=enrollment.certificate_sha256)
    assert [row.status for row in rows] == ["issued"] * 3
    assert [row.renews for row in rows] == [None, pinned, pinned]


@pytest.mark.parametrize("what", ["revoked", "expired", "used up"])
def test_renewal_goes_on_when_the_token_has_ended(
    make_enrollment: MakeEnrollment, open_profile: OpenProfile, first: dict[str, bytes], what: str
) -> None:
    enrollment = make_enrollment(challenge="token")
    token, later = get_token(enrollment), timezone.now() + timedelta(days=300)
    if what == "revoked":
        revoke_token(token, actor="tests")
    elif what == "used up":
        EnrollmentToken.objects.filter(pk=token.pk).update(use_count=10)
    profile = open_profile(build_renewal_profile(enrollment, now=later))
    challenge = take_out(profile)["Challenge"]
    assert token.scep_profile is not None
    assert check_challenge(challenge, scep_profile=token.scep_profile, common_name="x", now=later)
    assert_an_update(enrollment, first=first, open_profile=open_profile)


def test_renewal_is_an_update_when_the_token_has_no_scep_profile_any_more(
    make_enrollment: MakeEnrollment, open_profile: OpenProfile, first: dict[str, bytes]
) -> None:
    enrollment = make_enrollment()
    EnrollmentToken.objects.update(scep_profile=None)
    assert_an_update(enrollment, first=first, open_profile=open_profile)


def test_renewal_follows_the_scep_profile_when_that_has_changed(
    make_enrollment: MakeEnrollment, open_profile: OpenProfile
) -> None:
    enrollment = make_enrollment(challenge="static")
    ScepProfile.objects.update(key_size=4096, challenge_type="dynamic", static_challenge=None)
    content = find_identity(open_profile(build_renewal_profile(enrollment, now=timezone.now())))
    scep_profile = get_token(enrollment).scep_profile
    assert scep_profile is not None
    assert content["PayloadContent"]["Keysize"] == 4096
    fingerprint = get_ca_certificate_fingerprint(scep_profile)
    assert content["PayloadContent"]["CAFingerprint"] == fingerprint


def test_urls_stay_those_of_the_enrollment_when_the_servers_address_has_changed(
    make_enrollment: MakeEnrollment, open_profile: OpenProfile, settings: Any
) -> None:
    enrollment, before = make_enrollment(), settings.BASE_URL
    settings.BASE_URL = "https://new.example.com"
    profile = open_profile(build_renewal_profile(enrollment, now=timezone.now()))
    [mdm] = [each for each in profile["PayloadContent"] if each["PayloadType"] == MDM]
    assert mdm["ServerURL"] == f"{before}/mdm/connect"
    assert mdm["CheckInURL"].startswith(f"{before}/mdm/checkin?challenge=")
    assert find_identity(profile)["PayloadContent"]["URL"].startswith("https://new.example.com/")


def test_check_in_url_stays_when_the_signing_key_has_been_replaced(
    make_enrollment: MakeEnrollment, open_profile: OpenProfile, first: dict[str, bytes]
) -> None:
    enrollment = make_enrollment()
    TokenSigningKey.objects.update(is_active=False)
    assert_an_update(enrollment, first=first, open_profile=open_profile)
    challenge = build_challenge(get_session(enrollment))
    assert verify_token(challenge, now=timezone.now()).session_id == enrollment.session_id


@pytest.mark.parametrize("state", ["expired", "missing", "another topic"])
def test_topic_stays_whatever_has_become_of_the_push_certificate(
    make_enrollment: MakeEnrollment,
    open_profile: OpenProfile,
    first: dict[str, bytes],
    state: str,
) -> None:
    enrollment = make_enrollment()
    rows = PushCertificate.objects.filter(is_active=True)
    if state == "expired":
        rows.update(not_after=timezone.now() - timedelta(days=1))
    elif state == "missing":
        rows.update(is_active=False)
    else:
        rows.update(topic="com.apple.mgmt.External.other")
    assert_an_update(enrollment, first=first, open_profile=open_profile)


def test_reason_is_given_when_nothing_is_known_of_the_enrollments_session(
    make_enrollment: MakeEnrollment,
) -> None:
    enrollment = make_enrollment()
    EnrollmentSession.objects.all().delete()
    with pytest.raises(RenewalNotPossible, match="session"):
        build_renewal_profile(enrollment, now=timezone.now())


def test_reason_is_given_when_the_external_server_is_away(
    make_enrollment: MakeEnrollment, settings: Any
) -> None:
    settings.ALLOW_PRIVATE_URLS = True
    enrollment = make_enrollment()
    ScepProfile.objects.update(
        server_type="external",
        challenge_type="dynamic",
        external_url="https://127.0.0.1:9/scep",
        ca_fingerprint="00" * 32,
        hook_type="json",
        hook_url="https://127.0.0.1:9/hook",
    )
    with pytest.raises(RenewalNotPossible):
        build_renewal_profile(enrollment, now=timezone.now())


def test_nothing_in_clear_is_stored_when_a_renewal_profile_is_built(
    make_enrollment: MakeEnrollment, open_profile: OpenProfile
) -> None:
    enrollment = make_enrollment()
    profile = open_profile(build_renewal_profile(enrollment, now=timezone.now()))
    challenge = take_out(profile)["Challenge"]
    for model in (DynamicChallenge, IssuedCertificate, LogEntry, Enrollment):
        for row in model._default_manager.all():
            assert challenge not in repr(vars(row))
