"""Return to Service: a profile of its own for a device that was erased, for nobody else."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from devices.errors import AdmissionRefused, ReturnNotPossible
from devices.models import Device, Enrollment, EnrollmentState, Group, PushCertificate
from devices.protocol.admission import AdmissionRequest
from enrollment.models import EnrollmentSession, EnrollmentToken
from enrollment.services.admission import admit
from enrollment.services.retention import forget_unused_returns
from enrollment.services.return_profile import build_return_profile
from enrollment.services.token_texts import build_challenge, build_token_text
from organization.models import AuditEntry
from scep.models import IssuedCertificate, ScepProfile
from scep.selectors import list_recipients
from scep.services.issuance import issue_identity
from scep.services.pki_operation import handle_pki_operation
from tests.enrollment.conftest import MakeSession, MakeToken, OpenProfile
from tests.scep.device import Device as ScepDevice

pytestmark = pytest.mark.django_db
UDID = "00008130-000000000000ABCD"


def enroll(*, scep_profile: ScepProfile | None, now: datetime) -> Enrollment:
    device = Device.objects.create(
        udid=UDID, serial_number="C39XY", platform="ios", group=Group.objects.create(name="Kiosks")
    )
    identity = issue_identity(session_id="", token_id="", common_name="device", now=now)[2]
    IssuedCertificate.objects.filter(pk=identity.pk).update(scep_profile=scep_profile)
    return Enrollment.objects.create(
        device=device,
        state=EnrollmentState.LIVE,
        certificate_sha256=identity.fingerprint or "",
        certificate_not_after=identity.not_after,
        topic="com.apple.mgmt.External.old",
    )


def find_payload(profile: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each for each in profile["PayloadContent"] if each["PayloadType"] == kind
    )
    return found


def ask_admission(profile: dict[str, Any], *, udid: str, now: datetime) -> Any:
    """Authenticate with an identity that was issued for the profile's session."""
    session = EnrollmentSession.objects.latest("id")
    url = find_payload(profile, "com.apple.mdm")["CheckInURL"]
    return admit(
        AdmissionRequest(
            udid=udid,
            serial_number="",
            challenge=parse_qs(urlsplit(url).query)["challenge"][0],
            certificate_sha256="0" * 64,
            certificate_session_id=session.public_id,
            certificate_token_id=session.token.jti,
            certificate_scep_profile_id=(
                session.token.scep_profile.public_id if session.token.scep_profile else ""
            ),
            now=now,
        )
    )


def test_the_profile_leads_the_device_into_its_group(
    scep_profile: ScepProfile, open_profile: OpenProfile, now: datetime
) -> None:
    enrollment = enroll(scep_profile=scep_profile, now=now)
    profile = open_profile(build_return_profile(enrollment, now=now))
    scep = find_payload(profile, "com.apple.security.scep")["PayloadContent"]
    assert f"/scep/{scep_profile.public_id}/ses_" in scep["URL"]
    admission = ask_admission(profile, udid=UDID, now=now + timedelta(hours=20))
    assert admission.group_pk == enrollment.device.group_id
    token = EnrollmentToken.objects.get(jti=admission.token_id)
    assert (token.max_uses, token.use_count) == (1, 1)
    assert token.expires_at is not None
    assert token.expires_at <= now + timedelta(days=1)
    assert AuditEntry.objects.filter(subject_id=token.jti, action="token.create").exists()


def test_an_identity_comes_inside_when_the_device_had_none_by_scep(
    open_profile: OpenProfile, now: datetime, bootstrapped: None
) -> None:
    profile = open_profile(build_return_profile(enroll(scep_profile=None, now=now), now=now))
    assert find_payload(profile, "com.apple.security.pkcs12")["PayloadContent"]


def test_no_other_device_comes_by_the_profile(
    scep_profile: ScepProfile, open_profile: OpenProfile, now: datetime
) -> None:
    enrollment = enroll(scep_profile=scep_profile, now=now)
    profile = open_profile(build_return_profile(enrollment, now=now))
    Device.objects.create(udid="another", platform="ios")
    for udid in ("another", "unknown"):
        with pytest.raises(AdmissionRefused) as caught:
            ask_admission(profile, udid=udid, now=now)
        assert caught.value.code == "session_used"
    assert ask_admission(profile, udid=UDID, now=now)


def test_nobody_comes_by_the_profile_after_a_day(
    scep_profile: ScepProfile, open_profile: OpenProfile, now: datetime
) -> None:
    enrollment = enroll(scep_profile=scep_profile, now=now)
    profile = open_profile(build_return_profile(enrollment, now=now))
    with pytest.raises(AdmissionRefused):
        ask_admission(profile, udid=UDID, now=now + timedelta(hours=25))


def test_each_hand_out_is_an_attempt_of_its_own(scep_profile: ScepProfile, now: datetime) -> None:
    enrollment = enroll(scep_profile=scep_profile, now=now)
    assert build_return_profile(enrollment, now=now) != build_return_profile(enrollment, now=now)
    assert EnrollmentSession.objects.filter(device_id=enrollment.device.public_id).count() == 2


def test_there_is_no_profile_when_the_device_could_not_enroll(
    scep_profile: ScepProfile, now: datetime
) -> None:
    enrollment = enroll(scep_profile=scep_profile, now=now)
    PushCertificate.objects.update(not_after=now - timedelta(days=1))
    with pytest.raises(ReturnNotPossible, match="push certificate has expired"):
        build_return_profile(enrollment, now=now)
    enrollment.device.group = None
    with pytest.raises(ReturnNotPossible, match="no group"):
        build_return_profile(enrollment, now=now)


def ask_for_certificate(challenge: str, *, profile: ScepProfile, now: datetime) -> None:
    ra = list_recipients(profile)[0].certificate
    message = ScepDevice(name="device").build_request(ra=ra, challenge=challenge)
    handle_pki_operation(message, scep_profile=profile, now=now)


def test_one_certificate_comes_by_the_profile_as_long_as_the_profile_is_good(
    scep_profile: ScepProfile, open_profile: OpenProfile, now: datetime
) -> None:
    """A one-time challenge would be dead after an hour, which an erased device may wait for
    a network."""
    profile = open_profile(
        build_return_profile(enroll(scep_profile=scep_profile, now=now), now=now)
    )
    challenge = find_payload(profile, "com.apple.security.scep")["PayloadContent"]["Challenge"]
    brought = IssuedCertificate.objects.filter(
        session_id=EnrollmentSession.objects.latest("id").public_id
    )
    for hours, count in ((25, 0), (20, 1), (21, 1)):
        later = now + timedelta(hours=hours)
        ask_for_certificate(challenge, profile=scep_profile, now=later)
        assert brought.count() == count


def test_other_sessions_bring_nothing_in_the_place_of_a_one_time_challenge(
    make_token: MakeToken, make_session: MakeSession, scep_profile: ScepProfile, now: datetime
) -> None:
    session = make_session(make_token())
    for challenge in (build_challenge(session), build_token_text(session.token), "a.b.c"):
        ask_for_certificate(challenge, profile=scep_profile, now=now)
    assert not IssuedCertificate.objects.filter(token_id=session.token.jti).exists()


def test_a_token_of_a_scep_profile_for_tokens_brings_as_many_as_any(
    make_token: MakeToken, open_profile: OpenProfile, now: datetime
) -> None:
    """A device whose installation is cut off asks again with a new key."""
    by_token = make_token(challenge="token").scep_profile
    assert by_token is not None
    profile = open_profile(build_return_profile(enroll(scep_profile=by_token, now=now), now=now))
    challenge = find_payload(profile, "com.apple.security.scep")["PayloadContent"]["Challenge"]
    for _ in range(2):
        ask_for_certificate(challenge, profile=by_token, now=now)
    session = EnrollmentSession.objects.latest("id").public_id
    assert IssuedCertificate.objects.filter(session_id=session).count() == 2


def test_tokens_of_returns_that_never_came_are_forgotten_after_three_months(
    scep_profile: ScepProfile, open_profile: OpenProfile, now: datetime
) -> None:
    enrollment = enroll(scep_profile=scep_profile, now=now)
    build_return_profile(enrollment, now=now)  # put off with NotNow
    ask_admission(open_profile(build_return_profile(enrollment, now=now)), udid=UDID, now=now)
    never, used = EnrollmentToken.objects.filter(name__startswith="Return of").order_by("id")
    assert forget_unused_returns(now=now + timedelta(days=90)) == 0
    assert forget_unused_returns(now=now + timedelta(days=92)) > 0
    tokens = EnrollmentToken.objects.all()
    assert used in tokens
    assert never not in tokens
    assert used.sessions.exists()
