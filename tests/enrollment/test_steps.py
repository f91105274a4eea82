"""The record of a session's steps: by real HTTP, in one statement each, by whoever steps."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from enrollment.models import EnrollmentSession, SessionState, SessionStep
from enrollment.protocol.funnel.rules import get_silence
from enrollment.protocol.funnel.steps import StepKind
from enrollment.services.sessions import advance_session, get_session
from enrollment.services.steps import record_step
from enrollment.services.token_texts import build_challenge, build_enrollment_url, build_token_text
from organization.protocol.caller import Caller, build_caller
from tests.enrollment.conftest import IPHONE, MakeSession, MakeToken
from tests.simulator.device import SimulatedDevice
from tests.simulator.errors import SimulationFailure
from tests.simulator.habits import Habits, Misbehaviour

pytestmark = pytest.mark.django_db
WHOLE_WAY = [
    "page_opened",
    "profile_downloaded",
    "get_ca_cert",  # this device looks at the certificates first
    "get_ca_caps",
    "pki_operation",
    "authenticate",
    "token_update",
    "first_command",
]


def list_steps(session: EnrollmentSession) -> list[str]:
    return [step.kind for step in session.steps.order_by("first_at", "id")]


@pytest.mark.django_db(transaction=True)
def test_each_step_is_recorded_with_time_address_and_agent_when_a_device_enrolls(
    live_server: Any, bootstrapped: None, make_token: MakeToken, settings: Any
) -> None:
    settings.BASE_URL = live_server.url
    began = timezone.now()
    SimulatedDevice("ios").enroll(build_enrollment_url(make_token()))
    cheat = SimulatedDevice("ios", habits=Habits(misbehave=Misbehaviour.BAD_SIGNATURE))
    with pytest.raises(SimulationFailure):
        cheat.enroll(build_enrollment_url(make_token()))
    refused, whole = EnrollmentSession.objects.order_by("-id")

    steps = list(whole.steps.order_by("first_at", "id"))
    assert [step.kind for step in steps] == WHOLE_WAY
    moments = [step.first_at for step in steps]
    assert moments == sorted(moments)
    assert began <= moments[0] <= moments[-1] <= timezone.now()
    assert {step.remote_address for step in steps} == {"127.0.0.1"}
    assert {step.code for step in steps} == {""}
    agents = {step.kind: step.user_agent for step in steps}
    assert agents["page_opened"].startswith("Mozilla/5.0 (iPhone")
    assert agents["pki_operation"] == agents["get_ca_caps"] != agents["page_opened"]
    assert agents["authenticate"]

    # Its sender proved nothing, but the challenge in the URL says by whose profile it came.
    assert list_steps(refused) == WHOLE_WAY[:6]
    assert refused.steps.get(kind="authenticate").code == "signature_invalid"


def test_a_step_taken_again_is_counted_and_keeps_its_first_time(
    make_session: MakeSession,
) -> None:
    session, now = make_session(), timezone.now()
    record_step(session.public_id, StepKind.GET_CA_CAPS, now=now, code="x")
    later = now + timedelta(minutes=1)
    caller = Caller("192.0.2.9", "CloudKit")
    assert record_step(session.public_id, StepKind.GET_CA_CAPS, now=later, caller=caller)
    step = session.steps.get()
    assert (step.first_at, step.last_at, step.count) == (now, later, 2)
    assert (step.remote_address, step.user_agent, step.code) == ("192.0.2.9", "CloudKit", "")


def test_a_step_is_one_statement_and_ends_at_its_most(make_session: MakeSession) -> None:
    session, now = make_session(), timezone.now()
    with CaptureQueriesContext(connection) as queries:
        record_step(session.public_id, StepKind.PKI_OPERATION, now=now)
    assert len(queries) == 1
    session.steps.update(count=SessionStep.MOST)
    assert not record_step(session.public_id, StepKind.PKI_OPERATION, now=now)


@pytest.mark.parametrize("known", [False, True], ids=["unknown", "enrolled"])
def test_nothing_is_recorded_of_scep_when_the_session_is_unknown_or_enrolled(
    make_session: MakeSession, client: Client, known: bool
) -> None:
    session = make_session()
    advance_session(session.public_id, state=SessionState.ENROLLED)
    profile = get_session(session.public_id).token.scep_profile
    assert profile is not None
    asked = session.public_id if known else "ses_aaaaaaaaaaaaaaaaaaaa"
    answer = client.get(f"/scep/{profile.public_id}/{asked}", {"operation": "GetCACaps"})
    assert answer.status_code == 200
    assert SessionStep.objects.count() == 0


@pytest.mark.parametrize("session_id", ["ses_x", "x\0y", "%00", "ses_" + "A" * 20])
def test_what_is_no_session_reads_capabilities_all_the_same(
    make_session: MakeSession, client: Client, session_id: str
) -> None:
    profile = make_session().token.scep_profile
    assert profile is not None
    answer = client.get(f"/scep/{profile.public_id}/{session_id}", {"operation": "GetCACaps"})
    assert answer.status_code == 200


def test_views_of_the_link_are_no_step_and_the_button_is(
    client: Client, make_token: MakeToken
) -> None:
    text = build_token_text(make_token())
    for _ in range(3):
        client.get("/enroll", {"token": text}, headers={"User-Agent": IPHONE})
    assert SessionStep.objects.count() == 0
    client.post("/enroll/sessions", {"token": text}, headers={"User-Agent": IPHONE})
    step = SessionStep.objects.get()
    assert (step.kind, step.user_agent, step.count) == ("page_opened", IPHONE, 1)


def test_refused_download_is_the_sessions_when_the_token_has_died_meanwhile(
    client: Client, make_session: MakeSession
) -> None:
    session = make_session()
    session.token.__class__.objects.update(revoked_at=timezone.now())
    answer = client.get(f"/enroll/sessions/{session.public_id}/profile")
    assert answer.status_code == 410
    step = session.steps.get()
    assert (step.kind, step.code) == ("profile_downloaded", "token_revoked")


def test_malformed_message_is_the_sessions_whose_challenge_its_url_has(
    client: Client, make_session: MakeSession
) -> None:
    session = make_session()
    path = f"/mdm/checkin?challenge={build_challenge(session)}"
    assert client.put(path, data=b"<plist>", content_type="x/y").status_code in (400, 403)
    assert list_steps(session) == ["authenticate"]


def test_a_session_is_watched_when_its_certificate_came_after_a_long_wait(
    make_session: MakeSession,
) -> None:
    session = make_session()
    EnrollmentSession.objects.update(due_at=None)
    before = timezone.now()
    assert advance_session(session.public_id, state=SessionState.CERTIFICATE_ISSUED)
    due_at = get_session(session.public_id).due_at
    assert due_at is not None
    silence = get_silence(StepKind.PKI_OPERATION)
    assert before + silence <= due_at <= timezone.now() + silence


def test_an_agent_is_shortened_and_cleaned() -> None:
    assert build_caller(address=None, agent="a\0b\x1b[1m" + "x" * 400).agent[:6] == "ab[1mx"
    assert len(build_caller(address=None, agent="x" * 400).agent) == 300
