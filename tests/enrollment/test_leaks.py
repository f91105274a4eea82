"""A link has leaked: nobody comes by it any more, and who came is listed and dealt with."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from devices.errors import AdmissionRefused
from devices.models import Device, DeviceStatus, Enrollment, EnrollmentState, Group
from devices.services.bulk_commands import queue_portion
from enrollment.errors import LeakInvalid, TokenRefused
from enrollment.models import EnrollmentSession, EnrollmentToken, SessionState
from enrollment.services.admission import admit
from enrollment.services.child_tokens import create_child_token
from enrollment.services.leaks import KEEP, QUARANTINE, UNENROLL, respond_to_leak
from enrollment.services.profile import release_profile
from enrollment.services.sessions import get_session
from enrollment.services.token_traffic import (
    find_token_devices,
    list_acted_on,
    list_device_sessions,
)
from enrollment.services.tokens import revoke_token
from organization.models import AuditEntry
from tests.enrollment.conftest import MakeSession, MakeToken
from tests.enrollment.test_admission import build_request

pytestmark = pytest.mark.django_db


def bring(session: EnrollmentSession, *, udid: str, group: Group | None = None) -> Device:
    """A device that the session has enrolled."""
    device, _ = Device.objects.get_or_create(
        udid=udid, defaults={"platform": "ios", "status": DeviceStatus.MANAGED}
    )
    Device.objects.filter(pk=device.pk).update(group=group or session.token.group)
    Enrollment.objects.filter(device=device).update(state=EnrollmentState.SUPERSEDED)
    Enrollment.objects.create(
        device=device,
        state=EnrollmentState.LIVE,
        session_id=session.public_id,
        certificate_sha256=session.public_id,
        certificate_not_after=timezone.now(),
        topic="com.apple.mgmt.External.x",
    )
    EnrollmentSession.objects.filter(pk=session.pk).update(
        state=SessionState.ENROLLED, device_id=device.public_id
    )
    return device


@pytest.fixture
def leaked(make_token: MakeToken) -> EnrollmentToken:
    return make_token(name="Poster")


def test_devices_are_moved_to_quarantine_when_the_link_leaked(
    leaked: EnrollmentToken, make_session: MakeSession, make_token: MakeToken
) -> None:
    """By the token and by what was made from it; nobody else's devices."""
    now = timezone.now()
    child = create_child_token(leaked, name="c", expires_at=now, actor="a", now=now)
    came = [bring(make_session(leaked), udid=f"U{number}") for number in range(230)]
    came.append(bring(make_session(child), udid="CHILD"))
    other = bring(make_session(make_token()), udid="OTHER")
    bulk = respond_to_leak(leaked, action=QUARANTINE, devices=None, actor="ann@example.com")
    assert bulk is not None
    while queue_portion(bulk.pk, now=now):
        pass
    quarantine = Group.objects.get(name="Quarantine")
    assert not quarantine.policies.exists()
    moved = set(Device.objects.filter(group=quarantine).values_list("pk", flat=True))
    assert moved == {device.pk for device in came}
    other.refresh_from_db()
    assert other.group != quarantine
    leaked.refresh_from_db()
    assert leaked.revoked_by == "ann@example.com"
    entry = AuditEntry.objects.get(action="token.leak")
    assert (entry.actor, entry.subject_id) == ("ann@example.com", leaked.jti)
    assert entry.detail == {"action": "quarantine", "devices": 231, "bulk": bulk.public_id}


def test_only_the_chosen_devices_go_when_some_are_chosen(
    leaked: EnrollmentToken, make_session: MakeSession
) -> None:
    stays, goes = (bring(make_session(leaked), udid=udid) for udid in ("STAYS", "GOES"))
    bulk = respond_to_leak(leaked, action=UNENROLL, devices=[goes.pk], actor="a")
    assert bulk is not None
    queue_portion(bulk.pk, now=timezone.now())
    states = dict(Device.objects.values_list("udid", "status"))
    assert states == {"STAYS": DeviceStatus.MANAGED, "GOES": DeviceStatus.UNENROLLED}
    assert stays.pk != goes.pk


def test_a_device_that_came_again_by_another_token_is_left_alone(
    leaked: EnrollmentToken, make_session: MakeSession, make_token: MakeToken
) -> None:
    bring(make_session(leaked), udid="U")
    device = bring(make_session(make_token()), udid="U")
    (listed,) = find_token_devices(leaked, list_device_sessions(leaked))
    assert listed.has_moved_on
    assert list_acted_on(leaked) == []
    with pytest.raises(LeakInvalid), transaction.atomic():
        respond_to_leak(leaked, action=UNENROLL, devices=[device.pk], actor="a")
    leaked.refresh_from_db()
    assert leaked.revoked_at is None
    assert respond_to_leak(leaked, action=UNENROLL, devices=None, actor="a") is None


def test_a_device_is_listed_once_when_it_came_twice(
    leaked: EnrollmentToken, make_session: MakeSession
) -> None:
    bring(make_session(leaked), udid="U")
    latest = make_session(leaked)
    bring(latest, udid="U")
    (listed,) = find_token_devices(leaked, list_device_sessions(leaked))
    assert (listed.session.public_id, listed.has_moved_on) == (latest.public_id, False)


@pytest.mark.parametrize("begun", [True, False])
def test_session_that_was_open_enrolls_nothing_when_its_token_is_revoked(
    client: Client, leaked: EnrollmentToken, make_session: MakeSession, begun: bool
) -> None:
    session = make_session(leaked)
    if begun:
        release_profile(session, now=timezone.now())
    request = build_request(session)
    respond_to_leak(leaked, action=KEEP, devices=None, actor="a")
    session = get_session(session.public_id)
    with pytest.raises(TokenRefused):
        release_profile(session, now=timezone.now())
    with pytest.raises(AdmissionRefused) as refused, transaction.atomic():
        admit(request)
    assert refused.value.code == "token_revoked"
    state = client.get(f"/enroll/sessions/{session.public_id}").json()
    assert (state["state"], state["code"]) == ("failed", "token_revoked")


def test_session_that_was_over_keeps_its_own_reason_when_its_token_is_revoked(
    leaked: EnrollmentToken, make_session: MakeSession
) -> None:
    """They may be tens of thousands, whose rows are left alone."""
    over, going = make_session(leaked), make_session(leaked)
    rows = EnrollmentSession.objects.filter(pk=over.pk)
    past = timezone.now() - timedelta(minutes=1)
    rows.update(state="failed", failure_code="token_exhausted", expires_at=past)
    respond_to_leak(leaked, action=KEEP, devices=None, actor="a")
    codes = [get_session(each.public_id).failure_code for each in (over, going)]
    assert codes == ["token_exhausted", "token_revoked"]


def test_device_that_has_enrolled_keeps_its_state_when_the_token_is_revoked(
    leaked: EnrollmentToken, make_session: MakeSession
) -> None:
    session = make_session(leaked)
    bring(session, udid="U")
    revoke_token(leaked, actor="a")
    assert get_session(session.public_id).state == SessionState.ENROLLED
    assert Device.objects.get(udid="U").status == DeviceStatus.MANAGED


def test_quarantine_is_an_existing_group_when_one_is_named(
    leaked: EnrollmentToken, make_session: MakeSession
) -> None:
    device, group = bring(make_session(leaked), udid="U"), Group.objects.create(name="Suspects")
    bulk: Any = respond_to_leak(leaked, action=QUARANTINE, devices=None, group=group, actor="a")
    queue_portion(bulk.pk, now=timezone.now())
    device.refresh_from_db()
    assert device.group == group
    assert not Group.objects.filter(name="Quarantine").exists()


def test_quarantine_is_the_one_of_the_last_leak_when_another_link_leaks(
    leaked: EnrollmentToken, make_session: MakeSession, make_token: MakeToken
) -> None:
    for number, token in enumerate((leaked, make_token(name="Intranet"))):
        device = bring(make_session(token), udid=f"U{number}")
        bulk: Any = respond_to_leak(token, action=QUARANTINE, devices=None, actor="a")
        queue_portion(bulk.pk, now=timezone.now())
        device.refresh_from_db()
        assert device.group == Group.objects.get(name="Quarantine")


@pytest.mark.django_db(transaction=True)
def test_nobody_is_forgotten_when_devices_come_while_the_link_is_revoked(
    leaked: EnrollmentToken, make_session: MakeSession
) -> None:
    """Each device is refused, or is counted before the end; no one waits for the other for ever."""
    requests = [build_request(make_session(leaked), udid=f"U{number}") for number in range(6)]

    def come(number: int) -> str:
        try:
            if number == len(requests):
                respond_to_leak(leaked, action=QUARANTINE, devices=None, actor="a")
                return "revoked"
            with transaction.atomic():
                admit(requests[number])
        except AdmissionRefused as refused:
            return refused.code
        finally:
            connection.close()
        return "admitted"

    with ThreadPoolExecutor(max_workers=7) as pool:
        outcomes = list(pool.map(come, range(7)))
    assert set(outcomes) <= {"admitted", "token_revoked", "revoked"}
    assert "revoked" in outcomes
    leaked.refresh_from_db()
    assert leaked.use_count == outcomes.count("admitted")
    states = list(leaked.sessions.values_list("state", flat=True))
    assert states.count(SessionState.AUTHENTICATED) == outcomes.count("admitted")


@pytest.mark.django_db(transaction=True)
def test_device_keeps_its_session_when_the_token_is_revoked_while_it_is_admitted(
    leaked: EnrollmentToken, make_session: MakeSession
) -> None:
    request, is_admitted = build_request(make_session(leaked), udid="U"), Event()

    def come() -> None:
        try:
            with transaction.atomic():
                admit(request)
                is_admitted.set()
                time.sleep(0.3)  # as long as the revocation waits for the session
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(come)
        assert is_admitted.wait(10)
        revoke_token(leaked, actor="a")
        coming.result()
    assert leaked.sessions.get().state == SessionState.AUTHENTICATED
