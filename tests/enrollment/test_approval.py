"""A token that holds: nobody enrolls with it before an administrator has said so, by any way."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from devices.errors import AdmissionRefused
from devices.models import Device
from enrollment.errors import SessionDecided
from enrollment.models import EnrollmentSession, EnrollmentToken, LogEntry, SessionState
from enrollment.services.admission import admit
from enrollment.services.approvals import approve_session, reject_session
from enrollment.services.sessions import get_session
from enrollment.services.token_texts import build_challenge, build_enrollment_url, build_token_text
from organization.models import AuditEntry
from scep.errors import RequestOver
from scep.models import HeldRequest, HeldRequestState, IssuedCertificate, ScepProfile
from scep.selectors import get_certificate, get_issuing_ca, list_recipients
from scep.services.held_requests import approve_request, reject_request
from scep.services.pki_operation import handle_pki_operation
from scep.services.profiles import update_scep_profile
from scep.tasks import sweep_certificates
from tests.enrollment.conftest import IPHONE, MakeSession, MakeToken
from tests.enrollment.profile_service.device import list_codes, make_device
from tests.enrollment.test_admission import build_request
from tests.scep.device import Device as ScepDevice
from tests.simulator.errors import SimulationFailure
from tests.simulator.factory import make_authority
from tests.simulator.profile_check import check_profile

pytestmark = pytest.mark.django_db
ADMIN = "admin@example.com"
FACTORY = make_authority()


@pytest.fixture(autouse=True)
def trusted(settings: Any, tmp_path: Path) -> None:
    path = tmp_path / "device-ca.pem"
    path.write_bytes(FACTORY.ca_pem)
    settings.DEVICE_CA = str(path)


def read_state(session: EnrollmentSession) -> dict[str, Any]:
    path = f"/enroll/sessions/{session.public_id}"
    state: dict[str, Any] = Client().get(path, headers={"Accept": "application/json"}).json()
    return state


def download(session: EnrollmentSession) -> Any:
    return Client().get(f"/enroll/sessions/{session.public_id}/profile")


def decide_while_waiting(
    act: Callable[..., None], states: list[dict[str, Any]]
) -> Callable[[float], None]:
    """What happens while the device waits to ask again: somebody looks, and decides."""

    def sleep(_: float) -> None:
        for held in HeldRequest.objects.filter(state=HeldRequestState.PENDING):
            session = get_session(held.session_id)
            states.append(read_state(session))
            act(held, actor=ADMIN, now=timezone.now())

    return sleep


@pytest.mark.parametrize(
    ("challenge", "first"),
    [("dynamic", False), ("token", False), ("static", False), ("dynamic", True), ("static", True)],
)
def test_device_enrolls_when_its_certificate_request_was_approved(
    make_token: MakeToken, challenge: str, first: bool
) -> None:
    token = make_token(challenge=challenge, hold_for_approval=True, profile_service=first)
    assert token.scep_profile is not None
    update_scep_profile(token.scep_profile, actor="tests", subject=["CN={serial}"])
    states: list[dict[str, Any]] = []
    device = make_device(FACTORY)
    device.sleep = decide_while_waiting(approve_request, states)
    device.enroll(build_enrollment_url(token))
    session = EnrollmentSession.objects.get()

    assert device.is_enrolled
    assert session.state == SessionState.ENROLLED
    assert [state["awaits_approval"] for state in states] == [True]
    assert states[0]["text"] == "Your request waits for an administrator’s approval."
    assert "certificate_held" in list_codes(session)
    held = HeldRequest.objects.get()
    assert held.session_id == session.public_id
    assert held.certificate is not None
    # Who was identified first is named, although the certificate came later than its challenge.
    expected = device.serial if first else session.public_id
    assert held.certificate.subject == f"CN={expected}"


def test_person_is_told_when_the_request_was_rejected(make_token: MakeToken) -> None:
    states: list[dict[str, Any]] = []
    device = make_device(FACTORY)
    device.sleep = decide_while_waiting(reject_request, states)
    with pytest.raises(SimulationFailure) as caught:
        device.enroll(build_enrollment_url(make_token(hold_for_approval=True)))
    assert caught.value.step == "identity"
    state = read_state(EnrollmentSession.objects.get())
    assert (state["state"], state["code"]) == ("failed", "certificate_rejected")
    assert state["text"] == "An administrator has rejected your request."
    assert not IssuedCertificate.objects.exists()


def test_nobody_is_kept_waiting_when_the_enrollment_was_over_before_the_decision(
    make_token: MakeToken, make_session: MakeSession, now: datetime
) -> None:
    """The device would be refused its certificate, and the queue would stand for a month."""
    session = make_session(make_token(challenge="token", hold_for_approval=True))
    profile: Any = session.token.scep_profile
    ra = list_recipients(profile)[0].certificate
    device = ScepDevice()
    message = device.build_request(ra=ra, challenge=build_challenge(session))
    handle_pki_operation(message, scep_profile=profile, now=now)
    sweep_certificates()
    held = HeldRequest.objects.get()
    assert held.state == HeldRequestState.PENDING
    EnrollmentSession.objects.update(expires_at=now - timedelta(seconds=1))
    with pytest.raises(RequestOver, match="the session is over"):
        approve_request(held, actor=ADMIN, now=now)
    sweep_certificates()
    held.refresh_from_db()
    assert held.state == HeldRequestState.EXPIRED
    assert not held.decided_by
    with pytest.raises(RequestOver, match="the session is over"):
        approve_request(held, actor=ADMIN, now=now)
    poll = device.build_poll(ra=ra, issuer=get_certificate(get_issuing_ca()).subject)
    for asked in (message, poll):
        handle_pki_operation(asked, scep_profile=profile, now=now)
        entry = LogEntry.objects.order_by("-id")[0]
        assert (entry.code, entry.message) == ("session_expired", "the session is over")
        assert entry.token == session.token
    assert not IssuedCertificate.objects.exists()


def test_client_begins_anew_with_its_key_when_it_came_too_late_for_what_was_approved(
    make_token: MakeToken, make_session: MakeSession, now: datetime
) -> None:
    """Its transactionID is its key's; what was approved for the first session brings nothing."""
    token = make_token(challenge="token", hold_for_approval=True)
    first, second = make_session(token), make_session(token)
    profile: Any = token.scep_profile
    ra = list_recipients(profile)[0].certificate
    device = ScepDevice()

    def ask(session: EnrollmentSession) -> None:
        message = device.build_request(ra=ra, challenge=build_challenge(session))
        handle_pki_operation(message, scep_profile=profile, now=now)

    def approve() -> None:
        approve_request(HeldRequest.objects.get(state="pending"), actor=ADMIN, now=now)

    ask(first)
    approve()
    EnrollmentSession.objects.filter(pk=first.pk).update(expires_at=now - timedelta(seconds=1))
    ask(second)
    assert not IssuedCertificate.objects.exists()
    approve()
    ask(first)
    assert not IssuedCertificate.objects.filter(session_id=first.public_id).exists()
    ask(second)
    assert IssuedCertificate.objects.get().session_id == second.public_id


@pytest.mark.parametrize("build", ["bare token", "session"])
def test_token_challenge_waits_when_it_is_sent_without_our_profile(
    make_token: MakeToken, make_session: MakeSession, build: str, now: datetime
) -> None:
    session = make_session(make_token(challenge="token", hold_for_approval=True))
    profile: Any = session.token.scep_profile
    is_bare = build == "bare token"
    challenge = build_token_text(session.token) if is_bare else build_challenge(session)
    message = ScepDevice().build_request(
        ra=list_recipients(profile)[0].certificate, challenge=challenge
    )
    handle_pki_operation(message, scep_profile=profile, now=now)
    assert HeldRequest.objects.get().state == HeldRequestState.PENDING
    assert not IssuedCertificate.objects.exists()


@pytest.mark.parametrize("challenge", ["dynamic", "static", "none"])
def test_nobody_is_admitted_when_no_administrator_has_decided(
    make_token: MakeToken, make_session: MakeSession, challenge: str
) -> None:
    """Whatever certificate it comes with: with a static challenge anybody gets one."""
    session = make_session(make_token(challenge=challenge, hold_for_approval=True))
    with pytest.raises(AdmissionRefused) as caught, transaction.atomic():
        admit(build_request(session))
    assert caught.value.code == "approval_pending"


def open_waiting(token: EnrollmentToken) -> EnrollmentSession:
    """As the page's button does."""
    answer = Client().post(
        "/enroll/sessions",
        {"token": build_token_text(token)},
        headers={"Accept": "application/json", "User-Agent": IPHONE},
    )
    assert answer.status_code == 201
    assert answer.json()["awaits_approval"] is True
    return get_session(answer.json()["id"])


@pytest.mark.parametrize("first", [False, True])
def test_profile_waits_at_the_page_when_our_ca_issues_nothing_by_scep(
    make_token: MakeToken, first: bool
) -> None:
    token = make_token(challenge="none", hold_for_approval=True, profile_service=first)
    session = open_waiting(token)
    page = (
        Client()
        .get(
            f"/enroll/sessions/{session.public_id}?start=1",
            headers={"Accept": "text/html", "User-Agent": IPHONE},
        )
        .content.decode()
    )
    assert "Waiting for your IT team to approve this enrollment…" in page
    assert "data-held" in page
    assert "data-download" not in page
    assert "url=/enroll/sessions" not in page
    refused = download(session)
    assert refused.status_code == 403
    assert "Waiting for approval" in refused.content.decode()
    way_on = "Once it is approved, the enrollment page goes on by itself."
    assert f"<p>{way_on}</p>" in refused.content.decode()
    direct = Client().get("/enroll/profile", {"token": build_token_text(token)})
    assert direct.status_code == 403
    assert not IssuedCertificate.objects.exists()

    approve_session(session, actor=ADMIN, now=timezone.now())
    assert read_state(session)["awaits_approval"] is False
    assert download(session).status_code == 200
    assert list_codes(session) == [
        *("session_opened", "enrollment_held", "enrollment_approved"),
        *(("certificate_issued",) if not first else ()),
        "profile_downloaded",
    ]
    audited = AuditEntry.objects.get(action="session.approve")
    assert (audited.actor, audited.subject_id) == (ADMIN, session.public_id)


def test_device_enrolls_when_its_session_was_approved_at_the_page(make_token: MakeToken) -> None:
    device, now = make_device(FACTORY), timezone.now()
    session = open_waiting(make_token(challenge="none", hold_for_approval=True))
    approve_session(session, actor=ADMIN, now=now)
    session = get_session(session.public_id)
    assert session.expires_at == now + timedelta(hours=1)
    assert session.due_at == now + timedelta(minutes=2)
    device.profile = check_profile(download(session).content, must_be_signed=True)
    device.obtain_identity()
    device.authenticate()
    device.token_update()
    assert Device.objects.get().udid == device.udid


def test_profile_is_refused_for_good_when_the_session_was_rejected(make_token: MakeToken) -> None:
    session = open_waiting(make_token(challenge="none", hold_for_approval=True))
    reject_session(session, actor=ADMIN, now=timezone.now())
    refused = download(session)
    assert refused.status_code == 403
    assert "<p>Ask your IT team.</p>" in refused.content.decode()  # who cannot approve it alone
    state = read_state(session)
    assert (state["state"], state["text"]) == ("failed", "Your enrollment was not approved")
    with pytest.raises(SessionDecided):
        approve_session(session, actor=ADMIN, now=timezone.now())
    assert LogEntry.objects.filter(code="enrollment_rejected").count() == 2


def test_external_servers_token_waits_at_the_page_when_it_holds(
    make_token: MakeToken, scep_profile: ScepProfile
) -> None:
    token = make_token(hold_for_approval=True)
    ScepProfile.objects.filter(pk=scep_profile.pk).update(server_type="external")
    open_waiting(EnrollmentToken.objects.get(pk=token.pk))


def test_session_waits_a_day_and_ends_when_nobody_looks(make_token: MakeToken) -> None:
    session = open_waiting(make_token(challenge="none", hold_for_approval=True))
    late = session.created_at + timedelta(days=1, minutes=1)
    assert timedelta(hours=23) < session.expires_at - timezone.now()
    with pytest.raises(SessionDecided):
        approve_session(session, actor=ADMIN, now=late)
