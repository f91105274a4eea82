"""Devices that left without a word: real rows, real pushes to the fake APNs, and coming back."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Device, Enrollment
from devices.services import known_sender, silence
from devices.services.actions import unenroll
from devices.services.lapse import mark_lapsed
from devices.services.push.poke import poke_silent
from tests.devices.conftest import Enroll, News
from tests.devices.fleet import Fleet
from tests.devices.mdm_device import MdmDevice
from tests.devices.pushing import ask, forget_commands, push
from tests.simulator.apns import FakeApns

DAY = timedelta(days=1)


@pytest.fixture(params=["one statement", "ordinary way"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "ordinary way":
        monkeypatch.setattr(known_sender, "find_familiar_issuer", lambda proof, *, now: None)
        monkeypatch.setattr("devices.views.find_familiar_issuer", lambda proof, *, now: None)
    return str(request.param)


def poke_for(days: int, *, start: datetime) -> datetime:
    """The server goes on as it does; return when these days are over."""
    for hours in range(0, days * 24, 12):
        now = start + timedelta(hours=hours, minutes=hours)
        poke_silent(now=now)
        push(now=now)
        mark_lapsed(now=now)
    return start + days * DAY


def enroll_quietly(enroll: Enroll) -> MdmDevice:
    device = enroll()
    device.answer_everything()
    forget_commands()
    return device


def test_device_that_ignores_a_week_of_pushes_is_probably_removed(
    enroll: Enroll, apns: FakeApns, news: News
) -> None:
    device = enroll_quietly(enroll)
    heard_at = device.enrollment.last_seen_at
    assert heard_at is not None
    poke_for(7, start=heard_at)
    assert device.row.status == "enrolled"
    poke_for(2, start=heard_at + 7 * DAY)

    assert device.row.status == "not_managed"
    reason = device.row.status_reason
    assert reason.startswith(f"Probably removed on {heard_at:%-d %b %Y}: Apple has taken ")
    assert reason.endswith("It may also be switched off.")
    assert [each["message"] for each in news["device_fell_silent"]] == [reason]


def test_many_pushes_in_a_short_time_prove_nothing(enroll: Enroll, apns: FakeApns) -> None:
    device = enroll_quietly(enroll)
    Enrollment.objects.update(last_seen_at=timezone.now() - 20 * DAY)
    for _ in range(8):
        ask()
        push()
    assert device.enrollment.push_attempts == 8
    assert mark_lapsed(now=timezone.now() + 6 * DAY) == 0
    assert mark_lapsed(now=timezone.now() + 7 * DAY) == 1


def test_pushes_that_apns_did_not_take_prove_nothing(enroll: Enroll, apns: FakeApns) -> None:
    device = enroll_quietly(enroll)
    apns.answer_next(429, "TooManyRequests", count=1000)
    start = timezone.now()
    poke_for(9, start=start)
    assert device.row.status == "enrolled"
    apns.answer_next(200, "", count=0)


def test_the_count_begins_with_the_first_push_that_is_taken_after_failures(
    enroll: Enroll, apns: FakeApns
) -> None:
    device, now = enroll_quietly(enroll), timezone.now()
    apns.answer_next(429, "TooManyRequests", count=1)
    ask()
    push(now=now)
    ask()
    push(now=now + 3 * DAY)
    assert device.enrollment.push_unanswered_since == now + 3 * DAY


def test_the_count_of_ignored_pushes_goes_on_after_an_outage_of_apns(
    enroll: Enroll, apns: FakeApns
) -> None:
    device = enroll_quietly(enroll)
    heard_at = device.enrollment.last_seen_at
    assert heard_at is not None
    now = poke_for(3, start=heard_at)
    accepted = device.enrollment.push_accepted
    assert accepted
    apns.answer_next(429, "TooManyRequests", count=1000)
    for hours in range(0, 4 * 24, 12):
        ask()
        push(now=now + timedelta(hours=hours))
    apns.answer_next(200, "", count=0)
    assert (device.enrollment.push_accepted, device.row.status) == (accepted, "enrolled")
    poke_for(2, start=now + 4 * DAY)
    assert device.row.status == "not_managed"
    assert "Apple has taken " in device.row.status_reason


def test_the_count_begins_anew_when_the_device_has_spoken_amid_an_outage(
    enroll: Enroll, apns: FakeApns
) -> None:
    device = enroll_quietly(enroll)
    now = timezone.now()
    Enrollment.objects.update(last_seen_at=now - 9 * DAY)
    ask()
    push(now=now - 8 * DAY)
    apns.answer_next(429, "TooManyRequests", count=1)
    ask()
    push(now=now - 7 * DAY)
    device.connect()
    ask()
    push(now=now + DAY)
    enrollment = device.enrollment
    assert (enrollment.push_accepted, enrollment.push_unanswered_since) == (1, now + DAY)


def test_device_whose_token_apns_does_not_know_is_given_up_after_a_day(
    enroll: Enroll, apns: FakeApns, news: News
) -> None:
    device = enroll_quietly(enroll)
    apns.answer_next(400, "BadDeviceToken")
    ask()
    push()
    (failure,) = news["push_failed"]
    assert failure["message"] == "push token unusable: BadDeviceToken"
    assert mark_lapsed(now=timezone.now() + DAY / 2) == 0
    assert mark_lapsed(now=timezone.now() + DAY) == 1
    assert (device.row.status, "BadDeviceToken" in device.row.status_reason) == (
        "not_managed",
        True,
    )


def test_what_apns_refuses_through_our_own_fault_says_nothing_of_the_device(
    enroll: Enroll, apns: FakeApns
) -> None:
    device = enroll_quietly(enroll)
    apns.answer_next(400, "PayloadEmpty", count=1000)
    for _ in range(6):
        ask()
        push()
    assert device.enrollment.push_error == "refused: PayloadEmpty"
    assert mark_lapsed(now=timezone.now() + 20 * DAY) == 0


def test_a_410_says_since_when(enroll: Enroll, apns: FakeApns) -> None:
    device = enroll_quietly(enroll)
    gone_at = timezone.now() - 3 * DAY
    Enrollment.objects.update(token_updated_at=gone_at - 6 * DAY, last_seen_at=gone_at)
    apns.answer_next(410, "Unregistered", timestamp=int(gone_at.timestamp() * 1000))
    ask()
    push()
    assert (device.row.status, device.row.status_reason) == (
        "unenrolled",
        "Apple's push service says that the device has left"
        f" (Unregistered since {gone_at:%-d %b %Y}).",
    )
    device.token_update()
    assert device.row.status == "enrolled"


def test_a_device_that_speaks_has_not_left_whatever_apns_says_of_its_token(
    enroll: Enroll, apns: FakeApns, news: News, way: str
) -> None:
    """It was taken for Unenrolled, and got no new identity, while it obeyed its commands."""
    device, now = enroll_quietly(enroll), timezone.now()
    apns.unregister(device.token)
    ask()
    push()
    assert device.row.status == "unenrolled"
    assert device.connect().status_code == 200
    assert (device.row.status, device.row.status_reason) == ("enrolled", "")
    assert len(news["device_heard_again"]) == 1
    assert device.enrollment.push_suspended_at is not None
    assert mark_lapsed(now=now + DAY / 2) == 0
    assert mark_lapsed(now=now + 2 * DAY) == 1
    assert "does not know its push token any more (Unregistered" in device.row.status_reason


def test_a_device_that_an_administrator_has_removed_stays_so_when_it_speaks(
    enroll: Enroll, way: str
) -> None:
    device = enroll_quietly(enroll)
    profile = {"PayloadIdentifier": "p", "PayloadContent": [{"PayloadType": "com.apple.mdm"}]}
    Enrollment.objects.update(reported_profiles=[profile])
    unenroll(device.row, actor="a")
    assert device.connect().status_code == 200
    assert device.row.status == "unenrolled"


def test_a_device_that_spoke_after_its_token_died_has_not_left(
    enroll: Enroll, apns: FakeApns, news: News
) -> None:
    device = enroll_quietly(enroll)
    gone_at = timezone.now() - 3 * DAY
    Enrollment.objects.update(token_updated_at=gone_at - DAY, last_seen_at=gone_at + DAY)
    apns.answer_next(410, "Unregistered", timestamp=int(gone_at.timestamp() * 1000))
    ask()
    push()
    assert device.row.status == "enrolled"
    assert [failure["code"] for failure in news["push_failed"]] == ["push_token_dead"]
    assert mark_lapsed(now=gone_at + 3 * DAY) == 1


@pytest.mark.parametrize(
    "reason", ["ignored pushes", "dead token", "thirty days", "raced by a message"]
)
def test_device_that_speaks_is_enrolled_again_at_once_whatever_it_was_given_up_for(
    enroll: Enroll, apns: FakeApns, news: News, way: str, reason: str
) -> None:
    device, now = enroll_quietly(enroll), timezone.now()
    facts: dict[str, dict[str, Any]] = {
        "ignored pushes": {
            "last_seen_at": now - 8 * DAY,
            "push_attempts": 9,
            "push_accepted": 9,
            "push_unanswered_since": now - 8 * DAY,
        },
        "dead token": {
            "last_seen_at": now - 2 * DAY,
            "push_suspended_at": now,
            "push_error": "token unusable: BadDeviceToken",
        },
        "thirty days": {"last_seen_at": now - 31 * DAY},
        "raced by a message": {"last_seen_at": now - 31 * DAY},
    }
    Enrollment.objects.update(**facts[reason])
    assert mark_lapsed(now=now) == 1
    if reason == "raced by a message":
        Enrollment.objects.update(last_seen_at=now)
    assert device.connect().status_code == 200
    assert (device.row.status, device.row.status_reason) == ("enrolled", "")
    assert len(news["device_heard_again"]) == 1
    assert mark_lapsed(now=timezone.now()) == 0


def test_token_update_ends_the_silence_too(enroll: Enroll, apns: FakeApns) -> None:
    device, now = enroll_quietly(enroll), timezone.now()
    Enrollment.objects.update(
        last_seen_at=now - 2 * DAY,
        push_suspended_at=now,
        push_error="token unusable: BadDeviceToken",
    )
    assert mark_lapsed(now=now) == 1
    device.token_update()
    assert device.row.status == "enrolled"


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("GetBootstrapToken", {}),
        ("SetBootstrapToken", {"BootstrapToken": b"token"}),
        ("GetToken", {"TokenServiceType": "com.apple.maid"}),
    ],
)
def test_a_mac_that_asks_for_its_token_ends_the_silence_too(
    enroll: Enroll, apns: FakeApns, kind: str, keys: dict[str, Any]
) -> None:
    device, now = enroll_quietly(enroll), timezone.now()
    Enrollment.objects.update(last_seen_at=now - 31 * DAY)
    assert mark_lapsed(now=now) == 1
    device.put("/mdm/checkin", device.message(kind, **keys))
    assert device.row.status == "enrolled"
    assert mark_lapsed(now=timezone.now()) == 0


def test_speaking_does_not_cure_an_identity_that_has_expired(
    enroll: Enroll, apns: FakeApns
) -> None:
    device, now = enroll_quietly(enroll), timezone.now()
    Enrollment.objects.update(certificate_not_after=now - timedelta(minutes=1))
    mark_lapsed(now=now)
    assert device.connect().status_code == 200  # within the clocks' tolerance
    assert device.row.status == "not_managed"


def test_a_sweep_takes_a_bounded_number_and_the_next_ones_the_rest(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "AT_ONCE", 4)
    fleet.add(10)
    Enrollment.objects.update(last_seen_at=timezone.now() - 31 * DAY)
    assert [mark_lapsed(now=timezone.now()) for _ in range(4)] == [4, 4, 2, 0]
    assert Device.objects.filter(status="not_managed").count() == 10


def test_each_device_is_given_up_in_its_turn_when_there_are_many(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.services.lapse.PORTION", 4)
    fleet.add(10)
    Enrollment.objects.update(last_seen_at=timezone.now() - 31 * DAY)
    assert [mark_lapsed(now=timezone.now()) for _ in range(4)] == [4, 4, 2, 0]
