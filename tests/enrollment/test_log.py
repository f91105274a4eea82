"""The log: one line for each piece of news, linked to session, token and device, and clean."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from devices import signals as devices
from devices.models import Device, DeviceStatus, Enrollment, EnrollmentState
from devices.services.push.alarms import CODES as PUSH_CODES
from enrollment.models import EnrollmentSession, LogEntry, SessionState
from enrollment.protocol.funnel.steps import StepKind
from enrollment.protocol.log_codes import LOG_CODES
from enrollment.services.log import write_entry
from enrollment.services.progress import get_session_progress
from enrollment.services.sessions import advance_session, get_session
from enrollment.services.steps import record_step
from enrollment.services.token_texts import build_token_text
from enrollment.tasks import sweep_sessions
from organization.protocol.caller import Caller
from policies import signals as policies
from policies.models import ItemKind, ItemState, ItemStatus
from scep import signals as scep
from scep.services.issuance import issue_identity, revoke_certificate
from tests.enrollment.conftest import MakeSession, MakeToken

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]


@pytest.fixture
def session(make_session: MakeSession) -> EnrollmentSession:
    return make_session()


@pytest.fixture
def enrollment(session: EnrollmentSession) -> Enrollment:
    device = Device.objects.create(udid="UDID-1", group=session.token.group, platform="ios")
    return Enrollment.objects.create(
        device=device,
        state=EnrollmentState.LIVE,
        session_id=session.public_id,
        certificate_sha256="cd" * 32,
        certificate_not_after=timezone.now() + timedelta(days=1),
        topic="com.apple.mgmt.External.x",
    )


def last_entry() -> LogEntry:
    return LogEntry.objects.select_related("token").latest("id")


def state_of(session: EnrollmentSession) -> str:
    return get_session_progress(get_session(session.public_id), now=timezone.now()).state


def test_no_token_is_kept_when_a_message_holds_one(make_token: MakeToken) -> None:
    text = build_token_text(make_token())
    entry = write_entry(
        "token_unknown",
        message=f"bad\0 {text}",
        detail={"a": [text, {text: text}], "path": f"/enroll?token={text}"},
    )
    stored = LogEntry.objects.filter(pk=entry.pk).values().get()
    assert "eyJ" not in repr(stored)
    assert stored["message"] == "bad  [token]"


def test_level_and_title_are_the_catalogues_when_only_a_code_is_given(bootstrapped: None) -> None:
    entry = write_entry("enrollment_silent")
    assert (entry.level, entry.message) == ("warning", "Nothing heard from the device")


def test_every_code_that_lower_apps_use_is_in_the_catalogue() -> None:
    pattern = re.compile(
        r"""(?:code\s*[:=]\s*|(?:Refused|Missing|Invalid|Ready)\(\s*)"([a-z]+(?:_[a-z]+)+)\""""
    )
    used = {
        code
        for app in ("scep", "devices", "policies", "enrollment")
        for path in (ROOT / app).rglob("*.py")
        for code in pattern.findall(path.read_text())
    }
    assert len(used) > 15
    used |= set(PUSH_CODES.values())
    assert used - set(LOG_CODES) - {"rate_limited"} == set()


def test_every_refusal_has_cause_and_resolution() -> None:
    bare = [
        c.code for c in LOG_CODES.values() if c.level != "info" and not (c.cause and c.resolution)
    ]
    assert bare == []


def test_session_moves_on_when_its_certificate_is_issued(session: EnrollmentSession) -> None:
    _, _, certificate = issue_identity(
        session_id=session.public_id,
        token_id=session.token.jti,
        common_name="x",
        now=timezone.now(),
    )
    entry = last_entry()
    assert (entry.code, entry.session_id) == ("certificate_issued", session.public_id)
    assert entry.token == session.token
    assert state_of(session) == "waiting"  # the key is still in the profile
    certificate.scep_profile = session.token.scep_profile
    scep.certificate_issued.send(None, certificate=certificate)
    assert state_of(session) == "certificate_issued"
    revoke_certificate(certificate, reason="superseded", now=timezone.now())
    assert last_entry().code == "certificate_revoked"


def test_page_shows_the_cause_when_scep_refused_and_goes_on_after_it(
    session: EnrollmentSession,
) -> None:
    scep.scep_request_refused.send(
        None,
        code="scep_challenge_invalid",
        message="wrong",
        session_id=session.public_id,
        scep_profile=session.token.scep_profile,
        caller=Caller("192.0.2.9"),
        detail={"transaction": "1"},
    )
    entry = last_entry()
    assert (entry.code, entry.level, entry.token) == (
        "scep_challenge_invalid",
        "error",
        session.token,
    )
    assert entry.remote_address == "192.0.2.9"
    progress = get_session_progress(get_session(session.public_id), now=timezone.now())
    assert (progress.state, progress.code) == ("failed", "scep_challenge_invalid")
    advance_session(session.public_id, state=SessionState.CERTIFICATE_ISSUED)
    record_step(session.public_id, StepKind.PKI_OPERATION, now=timezone.now())
    assert state_of(session) == "certificate_issued"


def test_entry_names_the_device_when_its_message_was_refused(enrollment: Enrollment) -> None:
    devices.device_message_refused.send(
        None,
        code="identity_not_trusted",
        message="another device's certificate",
        udid="UDID-1",
        session_id="",
        detail={},
    )
    assert last_entry().device_id == enrollment.device.public_id


def test_refusal_leaves_an_enrolled_session_alone(
    session: EnrollmentSession, enrollment: Enrollment
) -> None:
    devices.device_enrolled.send(None, enrollment=enrollment, renewed=False)
    devices.device_message_refused.send(
        None,
        code="signature_invalid",
        message="x",
        udid="UDID-1",
        session_id=session.public_id,
        detail={},
    )
    assert get_session(session.public_id).state == SessionState.ENROLLED


def test_tokens_are_named_when_a_device_enrolls_again(
    enrollment: Enrollment, make_session: MakeSession
) -> None:
    first = EnrollmentSession.objects.select_related("token").get(public_id=enrollment.session_id)
    for session, told in (
        (make_session(), f"; before that on {timezone.now():%-d %b %Y}"),
        (make_session(first.token), "with the same one"),
    ):
        again = Enrollment.objects.create(
            device=enrollment.device,
            session_id=session.public_id,
            certificate_sha256=session.public_id.ljust(64, "0"),
            certificate_not_after=timezone.now(),
            topic="com.apple.mgmt.External.x",
        )
        devices.device_reenrolled.send(None, enrollment=again, before=enrollment)
        entry = last_entry()
        assert (entry.code, entry.level) == ("device_reenrolled", "info")
        assert f"“{session.token.name}”" in entry.message
        assert told in entry.message
        assert entry.detail == {"enrollment": again.public_id, "before": enrollment.public_id}


def test_story_is_complete_when_a_device_enrolls(
    session: EnrollmentSession, enrollment: Enrollment
) -> None:
    status = ItemStatus.objects.create(
        enrollment=enrollment,
        kind=ItemKind.PROFILE,
        name="Wi-Fi",
        identifier="x",
        version="1",
        state=ItemState.FAILED,
    )
    devices.device_authenticated.send(None, enrollment=enrollment)
    assert get_session(session.public_id).device_id == enrollment.device.public_id
    devices.device_enrolled.send(None, enrollment=enrollment, renewed=False)
    policies.policies_applied.send(None, enrollment=enrollment, queued=0)
    policies.policies_applied.send(None, enrollment=enrollment, queued=2)
    policies.item_failed.send(None, status=status, message="no such network")
    policies.item_installed.send(None, status=status)
    policies.device_managed.send(None, device=enrollment.device)
    devices.push_failed.send(
        None, enrollment=enrollment, code="push_failed", message="429 TooManyRequests"
    )
    devices.device_fell_silent.send(None, enrollment=enrollment, message="Probably removed")
    devices.device_checked_out.send(None, enrollment=enrollment)
    entries = LogEntry.objects.filter(session_id=session.public_id).order_by("id")
    assert [entry.code for entry in entries] == [
        "session_opened",
        "device_authenticated",
        "device_enrolled",
        "policies_queued",
        "policy_item_failed",
        "item_installed",
        "device_managed",
        "push_failed",
        "device_silent",
        "device_checked_out",
    ]
    assert {entry.device_id for entry in entries[1:]} == {enrollment.device.public_id}
    assert {entry.token for entry in entries} == {session.token}
    assert entries[4].message == "Wi-Fi: no such network"


@pytest.mark.parametrize(
    ("status", "shown", "code"),
    [
        (DeviceStatus.ENROLLED, "enrolled", ""),
        (DeviceStatus.MANAGED, "managed", ""),
        (DeviceStatus.UNENROLLED, "failed", "device_checked_out"),
        (DeviceStatus.NOT_MANAGED, "failed", "certificate_not_issued"),
    ],
)
def test_page_follows_the_device_when_the_session_has_enrolled(
    session: EnrollmentSession,
    enrollment: Enrollment,
    status: DeviceStatus,
    shown: str,
    code: str,
) -> None:
    devices.device_enrolled.send(None, enrollment=enrollment, renewed=False)
    Device.objects.update(status=status)
    progress = get_session_progress(get_session(session.public_id), now=timezone.now())
    assert (progress.state, progress.code) == (shown, code)


def test_silence_is_reported_once_when_a_profile_was_downloaded(
    session: EnrollmentSession, make_session: MakeSession
) -> None:
    another, fresh, untouched = make_session(), make_session(), make_session()
    now = timezone.now()
    for other, minutes in ((session, 9), (another, 9), (fresh, 7)):
        advance_session(other.public_id, state=SessionState.PROFILE_DOWNLOADED)
        past = now - timedelta(minutes=minutes)
        record_step(other.public_id, StepKind.PROFILE_DOWNLOADED, now=past)
    sweep_sessions()
    sweep_sessions()
    silent = LogEntry.objects.filter(code="enrollment_silent")
    told = sorted(entry.session_id for entry in silent)
    assert told == sorted([session.public_id, another.public_id])
    assert silent[0].detail == {"step": "installation", "silent_seconds": 480}
    progress = get_session_progress(get_session(session.public_id), now=now)
    assert (progress.state, progress.code) == ("profile_downloaded", "enrollment_silent")
    assert get_session(fresh.public_id).due_at == now + timedelta(minutes=1)
    assert untouched.due_at == untouched.expires_at


def test_sessions_end_when_their_hour_is_over(
    session: EnrollmentSession, make_session: MakeSession
) -> None:
    enrolled = make_session()
    advance_session(enrolled.public_id, state=SessionState.ENROLLED)
    past = timezone.now() - timedelta(seconds=1)
    EnrollmentSession.objects.update(expires_at=past, due_at=past)
    assert state_of(session) == "expired"
    sweep_sessions()
    session.refresh_from_db()
    enrolled.refresh_from_db()
    assert (session.state, enrolled.state) == (SessionState.EXPIRED, SessionState.ENROLLED)


def test_late_news_does_not_take_a_session_back(session: EnrollmentSession) -> None:
    assert advance_session(session.public_id, state=SessionState.ENROLLED)
    for state in (SessionState.PROFILE_DOWNLOADED, SessionState.FAILED, SessionState.EXPIRED):
        assert not advance_session(session.public_id, state=state)
    assert get_session(session.public_id).state == SessionState.ENROLLED


def test_entry_is_written_when_a_url_names_a_session_that_holds_a_nul(client: Client) -> None:
    """PostgreSQL takes none, in a condition either."""
    answer = client.post("/enroll/profile-service/ses_%00", b"x", content_type="text/plain")
    assert answer.status_code == 404
    assert LogEntry.objects.get().session_id == "ses_ "
