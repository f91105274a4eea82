"""A simulated device fails at each step in turn, over HTTP: page, session and log say where."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db.models import F
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from devices.models import Enrollment, Group
from enrollment.models import EnrollmentSession, EnrollmentToken, SessionStep
from enrollment.protocol.funnel.steps import StepKind as K
from enrollment.services.token_texts import build_enrollment_url, build_token_text
from enrollment.tasks import watch_sessions
from guardmdm.celery import app
from organization.models import Organization, Role
from organization.services.administrators import create_administrator
from organization.services.api_keys import create_api_key
from policies.services.apply import apply_policies
from scep.models import ScepProfile
from scep.services.profiles import create_scep_profile
from scep.tasks import check_scep_servers
from tests import plain_http
from tests.enrollment.conftest import IPHONE, MakeToken
from tests.simulator.device import SimulatedDevice
from tests.simulator.errors import SimulationFailure, Vanished
from tests.simulator.habits import Habits
from tests.simulator.habits import Misbehaviour as M

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("bootstrapped")]
MINUTE = timedelta(minutes=1)
AT_ONCE = timedelta(0)


@dataclass(frozen=True)
class Case:
    """How a device fails, after how long that is told, and as what."""

    misbehave: M
    code: str
    step: K
    silence: timedelta = AT_ONCE
    title: str = ""


CASES = (
    Case(M.VANISH_AFTER_SESSION, "profile_not_downloaded", K.PROFILE_DOWNLOADED, 2 * MINUTE),
    Case(M.VANISH_AFTER_PROFILE, "enrollment_silent", K.INSTALLATION, 8 * MINUTE),
    Case(M.VANISH_AFTER_CA_CERTIFICATE, "certificate_not_requested", K.PKI_OPERATION, MINUTE),
    Case(M.VANISH_AFTER_CAPABILITIES, "certificate_not_requested", K.PKI_OPERATION, MINUTE),
    Case(M.OTHER_FINGERPRINT, "certificate_not_requested", K.PKI_OPERATION, MINUTE),
    Case(M.WEAK_KEY, "scep_request_rejected", K.PKI_OPERATION, title="(badAlg)"),
    Case(M.BROKEN_REQUEST, "scep_request_rejected", K.PKI_OPERATION, title="(badMessageCheck)"),
    Case(M.POLLS_FIRST, "scep_request_rejected", K.PKI_OPERATION, title="(badCertId)"),
    Case(M.WRONG_CHALLENGE, "scep_challenge_invalid", K.PKI_OPERATION),
    Case(M.VANISH_AFTER_CERTIFICATE, "authenticate_missing", K.AUTHENTICATE, MINUTE),
    Case(M.BAD_SIGNATURE, "signature_invalid", K.AUTHENTICATE),
    Case(M.NO_SIGNATURE, "certificate_not_issued", K.AUTHENTICATE),
    Case(M.VANISH_AFTER_AUTHENTICATE, "token_update_missing", K.TOKEN_UPDATE, MINUTE),
    Case(M.OTHER_UDID, "identity_not_trusted", K.TOKEN_UPDATE),
    Case(M.VANISH_AFTER_TOKEN_UPDATE, "first_command_missing", K.FIRST_COMMAND, MINUTE),
)


@dataclass
class World:
    """One running server, and who looks at it."""

    url: str
    api: httpx.Client
    auditor: Client
    make_token: MakeToken
    key: rsa.RSAPrivateKey

    def enroll(self, token: EnrollmentToken, misbehave: M | None) -> SimulatedDevice:
        """Let a device enroll as far as it comes."""
        key = None if misbehave == M.WEAK_KEY else self.key
        device = SimulatedDevice("ios", habits=Habits(misbehave=misbehave), key=key)
        with suppress(SimulationFailure, Vanished):
            device.enroll(build_enrollment_url(token))
        return device

    def let_pass(self, time: timedelta) -> None:
        """What was recorded so far is that much older; then the sweep comes by, as it does."""
        SessionStep.objects.update(first_at=F("first_at") - time, last_at=F("last_at") - time)
        EnrollmentSession.objects.update(due_at=F("due_at") - time)
        watch_sessions()

    def read(self, path: str, **query: Any) -> Any:
        return self.api.get(path, params=query).raise_for_status().json()

    def assert_told(
        self, session: EnrollmentSession, *, code: str, step: str, title: str = ""
    ) -> dict[str, Any]:
        """Page, session view and log name the step and its fix."""
        path = f"{self.url}/enroll/sessions/{session.public_id}"
        state = plain_http.get(path, headers={"Accept": "application/json"}).json()
        assert (state["code"], state["step"]) == (code, step), state
        assert state["text"]
        assert state["fix"]
        page = plain_http.get(path, headers={"Accept": "text/html"}).text
        for text in (state["text"], state["fix"], state["where"]):
            assert escape(text) in page

        diagnosis: dict[str, Any] = self.read(f"enrollment/sessions/{session.public_id}")[
            "diagnosis"
        ]
        assert (diagnosis["code"], diagnosis["step"]) == (code, step)
        assert title in diagnosis["title"]
        view = self.auditor.get(f"/console/enrollment/sessions/{session.public_id}")
        shown = view.content.decode()
        for text in (diagnosis["title"], diagnosis["cause"], diagnosis["resolution"]):
            assert escape(text) in shown
        entries = self.read("enrollment/log", session=session.public_id, code=code)["results"]
        assert len(entries) == 1, entries
        assert entries[0]["cause"] == diagnosis["cause"]
        assert entries[0]["resolution"] == diagnosis["resolution"]
        assert entries[0]["detail"]["step"] == step
        return diagnosis

    def assert_nothing_told(self, session: EnrollmentSession) -> None:
        detail = self.read(f"enrollment/sessions/{session.public_id}")
        assert detail["diagnosis"] is None, detail
        entries = self.read("enrollment/log", session=session.public_id)["results"]
        assert {entry["level"] for entry in entries} == {"info"}


@pytest.fixture
def world(live_server: Any, make_token: MakeToken, settings: Any) -> Iterator[World]:
    settings.BASE_URL = live_server.url
    key = create_api_key("looker", role=Role.AUDITOR, actor="tests")[1]
    headers = {"Authorization": f"Bearer {key}"}
    auditor = Client()
    person, _ = create_administrator("a@example.org", role=Role.AUDITOR, password="x" * 14)
    auditor.force_login(person)
    with httpx.Client(base_url=f"{live_server.url}/api/v1/", headers=headers) as api:
        yield World(
            url=live_server.url,
            api=api,
            auditor=auditor,
            make_token=make_token,
            key=rsa.generate_private_key(public_exponent=65537, key_size=2048),
        )


def newest() -> EnrollmentSession:
    return EnrollmentSession.objects.latest("id")


def test_page_session_and_log_name_the_step_when_a_device_fails_at_it(world: World) -> None:
    token = world.make_token()
    for case in CASES:
        world.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        world.enroll(token, case.misbehave)
        session = newest()
        if case.silence:
            world.let_pass(case.silence - timedelta(seconds=20))
            world.assert_nothing_told(session)
            world.let_pass(timedelta(seconds=20))
        world.assert_told(session, code=case.code, step=case.step.value, title=case.title)
        world.let_pass(AT_ONCE)  # and nothing is logged twice
        world.assert_told(session, code=case.code, step=case.step.value, title=case.title)
        EnrollmentSession.objects.update(due_at=None)


def test_a_silence_is_in_the_log_within_ten_seconds() -> None:
    assert app.conf.beat_schedule["watch sessions"]["schedule"] <= timedelta(seconds=5)


def test_a_setting_that_fails_is_told_and_a_device_without_trouble_is_not(world: World) -> None:
    group = Group.objects.get(name="Engineering BYOD")  # which has policies
    for misbehave in (M.REFUSES_PROFILES, None):
        world.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        token = world.make_token()
        EnrollmentToken.objects.filter(pk=token.pk).update(group=group)
        token.refresh_from_db()
        device = world.enroll(token, misbehave)
        enrollment = Enrollment.objects.latest("id")
        for _ in range(6):
            apply_policies(enrollment, now=timezone.now())
            device.connect()
        session = newest()
        if misbehave:
            state = plain_http.get(
                f"{world.url}/enroll/sessions/{session.public_id}",
                headers={"Accept": "application/json"},
            ).json()
            assert (state["state"], state["code"]) == ("failed", "policy_item_failed")
            detail = world.read(f"enrollment/sessions/{session.public_id}")
            assert detail["diagnosis"]["step"] == "items_applied"
            failed = world.read("enrollment/log", session=session.public_id, level="error")
            assert {entry["code"] for entry in failed["results"]} == {"policy_item_failed"}
        else:
            detail = world.read(f"enrollment/sessions/{session.public_id}")
            assert detail["diagnosis"] is None
            assert detail["status"] == "managed"
            assert [step["step"] for step in detail["steps"]][-1] == "items_applied"
            assert {step["state"] for step in detail["steps"]} == {"done"}


def test_an_approval_that_is_waited_for_is_told_as_such(world: World) -> None:
    held = create_scep_profile(
        name="Held", challenge_type="dynamic", hold_for_approval=True, actor="tests"
    )
    token = world.make_token()
    EnrollmentToken.objects.filter(pk=token.pk).update(scep_profile=held)
    token.refresh_from_db()
    with suppress(SimulationFailure):
        device = SimulatedDevice("ios", key=world.key, sleep=lambda _: None)
        device.enroll(build_enrollment_url(token))
    session = newest()
    state = plain_http.get(
        f"{world.url}/enroll/sessions/{session.public_id}", headers={"Accept": "application/json"}
    ).json()
    assert (state["state"], state["code"]) == ("profile_downloaded", "certificate_held")
    assert "approval" in state["text"]
    detail = world.read(f"enrollment/sessions/{session.public_id}")
    assert (detail["status"], detail["diagnosis"]["kind"]) == ("pending", "waiting")


# "Common Issues" of the manual: each is produced, and explained with that cause and resolution.


def use_profile(token: EnrollmentToken, profile: ScepProfile) -> EnrollmentToken:
    EnrollmentToken.objects.filter(pk=token.pk).update(scep_profile=profile)
    token.refresh_from_db()
    return token


def test_profile_wont_install_when_the_token_has_expired(world: World) -> None:
    token = world.make_token()
    opened = plain_http.post(
        f"{world.url}/enroll/sessions",
        data={"token": build_token_text(token)},
        headers={"Accept": "application/json", "User-Agent": IPHONE},
    ).json()
    url = build_enrollment_url(token)
    EnrollmentToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())
    for path in (f"{world.url}{opened['profile_url']}", url):
        answer = plain_http.get(path, headers={"Accept": "text/html"})
        assert answer.status_code in (403, 410)
    told = world.read(f"enrollment/sessions/{opened['id']}")["diagnosis"]
    assert (told["code"], told["step"]) == ("token_expired", "profile_downloaded")
    assert told["cause"] == "The enrollment token is past its expiration."
    assert told["resolution"] == "Generate a new token."
    state = plain_http.get(
        f"{world.url}{opened['status_url']}", headers={"Accept": "application/json"}
    ).json()
    assert (state["state"], state["text"]) == ("failed", "This link has expired")
    assert state["fix"] == "Ask your IT team for a new enrollment link."


def test_invalid_profile_when_the_tokens_signature_is_invalid(world: World) -> None:
    text = build_token_text(world.make_token())
    head, claims, signature = text.split(".")
    forged = ".".join((head, claims, signature[::-1]))
    answer = plain_http.get(f"{world.url}/enroll/profile", params={"token": forged})
    assert answer.status_code == 403
    entry = world.read("enrollment/log", code="token_signature_invalid")["results"][0]
    assert entry["cause"] == "The token was altered, or was not signed by this server."
    assert entry["resolution"].startswith("Regenerate the token")
    page = plain_http.get(f"{world.url}/enroll", params={"token": forged}).text
    assert "This link is not valid" in page
    assert "Regenerate the token" in page


def test_not_managed_when_no_certificate_was_issued(
    world: World,
    values: dict[str, Any],
    stranger: Any,
) -> None:
    external = create_scep_profile(actor="tests", **values)
    ScepProfile.objects.filter(pk=external.pk).update(external_url="https://localhost:1/scep")
    token = use_profile(world.make_token(), external)
    check_scep_servers()
    world.enroll(token, None)
    session = newest()
    world.let_pass(8 * MINUTE)
    told = world.assert_told(session, code="certificate_not_issued", step="pki_operation")
    assert told["resolution"] == "Check SCEP server connectivity."
    EnrollmentSession.objects.update(expires_at=timezone.now())
    devices = world.auditor.get("/console/devices/", {"status": "not_managed"}).content.decode()
    assert session.public_id in devices
    assert "Certificate not issued" in devices
    absent = world.read("enrollment/sessions", absent="not_managed")["results"]
    assert [row["id"] for row in absent] == [session.public_id]


def test_hangs_at_configuring_device_when_the_network_fails(world: World) -> None:
    world.enroll(world.make_token(), M.VANISH_AFTER_CERTIFICATE)
    world.let_pass(MINUTE)
    told = world.assert_told(newest(), code="authenticate_missing", step="authenticate")
    assert told["cause"].startswith("Network connectivity")
    assert "Configuring Device" in told["cause"]
    assert told["resolution"].startswith("Ensure that the device can reach GuardMDM")


def test_profile_is_untrusted_when_the_root_ca_is_not_installed(world: World) -> None:
    Organization.objects.update(server_trust="own")
    token = world.make_token()
    answer = plain_http.get(
        f"{world.url}/enroll/profile", params={"token": build_token_text(token)}
    )
    assert answer.status_code == 200
    world.let_pass(8 * MINUTE)
    told = world.assert_told(newest(), code="root_ca_not_trusted", step="installation")
    assert told["cause"] == "The device does not trust this server's root certificate."
    assert told["resolution"] == "Install the root CA profile first."
