"""Pushes over real HTTP/2 and TLS to a fake APNs: what becomes of each. R4, R6."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Device, Enrollment
from devices.services.actions import push_now, unenroll
from devices.services.locks import lock_device
from devices.services.push import announcement, departures
from devices.services.push.claims import MANY, SPACING
from devices.services.push.requests import request_due_pushes
from devices.services.push.sending import send_pushes
from devices.services.queue import enqueue
from tests.devices.conftest import Enroll, MakeDevice, News
from tests.devices.pushing import ask, forget_commands, push
from tests.simulator.apns import FakeApns

RESTART = {"RequestType": "RestartDevice"}
HOUR = timedelta(hours=1)


def test_a_push_reaches_the_device_with_its_magic(enroll: Enroll, apns: FakeApns) -> None:
    device = enroll()
    assert push() == 1
    [delivery] = apns.deliveries
    assert delivery.woke
    assert (delivery.token, delivery.magic, delivery.topic) == (
        device.token,
        device.magic,
        device.topic,
    )
    assert delivery.headers["apns-push-type"] == "mdm"
    assert int(delivery.headers["apns-expiration"]) > timezone.now().timestamp() + 3600
    assert device.enrollment.push_error == ""


def test_many_commands_are_one_task_and_one_push(
    enroll: Enroll,
    apns: FakeApns,
    started: list[str],
    django_capture_on_commit_callbacks: Any,
) -> None:
    devices = [enroll() for _ in range(3)]
    push()
    with django_capture_on_commit_callbacks(execute=True):
        for device in devices:
            device.answer_everything()
            for _ in range(10):
                enqueue(device.enrollment, command=RESTART)
    assert started == ["send_requested_pushes"]
    for _ in range(3):
        push()
    assert len(apns.deliveries) == 6


def test_a_task_is_started_for_what_is_asked_after_the_last_one_began(
    enroll: Enroll,
    apns: FakeApns,
    started: list[str],
    django_capture_on_commit_callbacks: Any,
) -> None:
    from devices.tasks import send_requested_pushes

    with django_capture_on_commit_callbacks(execute=True):
        enroll()
    send_requested_pushes()
    with django_capture_on_commit_callbacks(execute=True):
        enroll()
    assert started == ["send_requested_pushes"] * 2


def test_commands_are_queued_without_waiting_when_the_cache_is_down(
    enroll: Enroll,
    apns: FakeApns,
    started: list[str],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    class Down:
        tries = 0

        def add(self, *_: Any, **__: Any) -> None:
            Down.tries += 1
            raise ConnectionError("no cache")

    monkeypatch.setattr(announcement, "cache", Down())
    monkeypatch.setattr(announcement.Announcement, "_unreachable_until", 0.0)
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(3):
            enroll()
    assert (Down.tries, started) == (1, [])
    assert push() == 3  # as the sweep does


def test_a_device_that_has_come_is_pushed_again_at_once(enroll: Enroll, apns: FakeApns) -> None:
    device = enroll()
    push()
    device.answer_everything()
    enqueue(device.enrollment, command=RESTART)
    assert push() == 1


def test_a_device_that_has_not_come_yet_is_not_pushed_twice_in_a_second(
    enroll: Enroll, apns: FakeApns
) -> None:
    device, now = enroll(), timezone.now()
    assert push(now=now) == 1
    enqueue(device.enrollment, command=RESTART)
    assert push(now=now + timedelta(seconds=0.5)) == 0
    assert push(now=now + timedelta(seconds=1)) == 1


def test_a_command_wakes_the_device_at_once_when_an_earlier_request_is_left_over(
    enroll: Enroll,
    apns: FakeApns,
    started: list[str],
    django_capture_on_commit_callbacks: Any,
) -> None:
    """What was asked for within a second of a push was not pushed, but taken when it came."""
    device = enroll()
    push()
    enqueue(device.enrollment, command=RESTART)
    assert push() == 0
    device.answer_everything()
    with django_capture_on_commit_callbacks(execute=True):
        enqueue(device.enrollment, command={"RequestType": "ShutDownDevice"})
    assert started == ["send_requested_pushes"]
    assert push() == 1


def test_what_was_asked_for_right_after_a_push_is_pushed_a_second_later(
    enroll: Enroll, apns: FakeApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device may have come for that push and gone, unnoticed: nobody waits for the sweep."""
    from devices import tasks

    later: list[float] = []
    monkeypatch.setattr(
        tasks.send_requested_pushes, "apply_async", lambda countdown: later.append(countdown)
    )
    device, now = enroll(), timezone.now()
    assert push(now=now) == 1
    enqueue(device.enrollment, command=RESTART)
    early = send_pushes(clock=lambda: now + SPACING / 2)
    assert (early.delivered, early.has_soon) == (0, True)
    monkeypatch.setattr(tasks, "send_pushes", lambda: early)
    tasks.send_requested_pushes()
    assert later == [SPACING.total_seconds()]
    due = send_pushes(clock=lambda: now + SPACING)
    assert (due.delivered, due.has_soon) == (1, False)
    monkeypatch.setattr(tasks, "send_pushes", lambda: due)
    tasks.send_requested_pushes()
    assert len(later) == 1


def test_a_device_that_rests_for_long_is_not_looked_after_every_second(enroll: Enroll) -> None:
    device, now = enroll(), timezone.now()
    Enrollment.objects.update(push_attempts=MANY, push_sent_at=now, push_not_before=now + HOUR)
    enqueue(device.enrollment, command=RESTART)
    report = send_pushes(clock=lambda: now)
    assert (report.delivered, report.has_soon) == (0, False)


def test_a_device_that_never_comes_is_pushed_once_a_minute_at_most(
    enroll: Enroll, apns: FakeApns
) -> None:
    device, now = enroll(), timezone.now()
    for second in range(0, 300, 10):
        Enrollment.objects.filter(push_requested_at=None).update(push_requested_at=now)
        push(now=now + timedelta(seconds=second))
    assert 5 < len(apns.deliveries) <= 10
    push_now(device.row, actor="a")
    assert push(now=now + timedelta(seconds=300)) == 1


def test_pushes_that_a_device_ignores_are_counted_until_it_comes(
    enroll: Enroll, apns: FakeApns
) -> None:
    device = enroll()
    for count in range(1, 4):
        ask()
        push()
        assert (device.enrollment.push_attempts, device.enrollment.push_error) == (count, "")
    device.take()
    assert device.enrollment.push_attempts == 0


def test_failed_pushes_are_not_held_against_the_device(enroll: Enroll, apns: FakeApns) -> None:
    device = enroll()
    apns.answer_next(429, "TooManyRequests", count=3)
    for _ in range(4):
        ask()
        push()
    assert (device.enrollment.push_attempts, device.enrollment.push_error) == (1, "")


def test_a_device_that_is_gone_is_unenrolled_and_left_alone_until_it_is_back(
    enroll: Enroll, apns: FakeApns, news: News
) -> None:
    device = enroll()
    apns.unregister(device.token)
    assert push() == 0
    assert device.row.status == "unenrolled"
    assert "left" in device.row.status_reason
    assert [failure["code"] for failure in news["push_failed"]] == ["device_unregistered"]
    far = timezone.now() + timedelta(days=2)
    push_now(device.row, actor="a")
    push(now=far)
    assert request_due_pushes(now=far) == 0
    assert len(apns.deliveries) == 1
    device.token = b"\x09" * 32
    apns.register(device.token, device.magic, device.topic)
    device.token_update()
    assert device.row.status == "enrolled"
    assert len(news["device_heard_again"]) == 1, "its policies are looked at"
    assert request_due_pushes(now=timezone.now()) == 1
    assert push() == 1


def test_a_device_stays_enrolled_when_it_enrolls_again_before_the_news_of_its_old_token(
    enroll: Enroll, make_device: MakeDevice, apns: FakeApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was erased: the push for what it was before is answered with 410 at the same moment."""
    device = enroll()
    apns.unregister(device.token)

    def lock_after_it(key: int) -> Device:
        make_device(udid=device.udid).enroll()
        return lock_device(key)

    monkeypatch.setattr(departures, "lock_device", lock_after_it)
    push()
    assert device.row.status == "enrolled"


def test_an_unknown_token_suspends_pushes_but_is_no_farewell(
    enroll: Enroll, apns: FakeApns, news: News
) -> None:
    device = enroll()
    apns.answer_next(400, "BadDeviceToken")
    assert push() == 0
    assert device.row.status == "enrolled"
    assert [failure["code"] for failure in news["push_failed"]] == ["push_token_dead"]
    assert request_due_pushes(now=timezone.now() + timedelta(days=2)) == 0


@pytest.mark.parametrize("reason", ["Unregistered", "ExpiredToken"])
def test_a_token_that_was_sent_after_its_death_is_alive(
    enroll: Enroll, apns: FakeApns, reason: str
) -> None:
    device, now = enroll(), timezone.now()
    hour_ago = int((now - timedelta(hours=1)).timestamp() * 1000)
    apns.answer_next(410, reason, timestamp=hour_ago)
    push(now=now)
    assert device.enrollment.push_suspended_at is None
    assert device.row.status == "enrolled"
    assert push(now=now + timedelta(minutes=2)) == 1


def test_a_token_update_that_comes_before_the_answer_is_not_suspended(
    enroll: Enroll, apns: FakeApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = enroll()
    dead, device.token = device.token, b"\x09" * 32
    decide = apns.answer

    def renew_and_answer(request: Any) -> Any:
        if request.token == dead:
            renewed.append(True)
            apns.unregister(dead)
            apns.register(device.token, device.magic, device.topic)
        return decide(request)

    renewed: list[bool] = []
    monkeypatch.setattr(apns, "answer", renew_and_answer)
    from devices.services.push import outcomes as push_outcomes

    write = push_outcomes.Outcomes.write

    def update_and_write(outcomes: Any, **given: Any) -> None:
        if renewed:
            renewed.clear()
            device.token_update()
        write(outcomes, **given)

    monkeypatch.setattr(push_outcomes.Outcomes, "write", update_and_write)
    assert push() == 1
    assert device.enrollment.push_suspended_at is None
    assert device.row.status == "enrolled"
    assert [delivery.status for delivery in apns.deliveries] == [410, 200]


def test_what_apns_refuses_is_tried_ever_less_often(
    enroll: Enroll, apns: FakeApns, news: News, caplog: pytest.LogCaptureFixture
) -> None:
    device = enroll()
    apns.answer_next(400, "PayloadEmpty", count=15)
    now = timezone.now()
    for minutes in range(0, 60 * 24 * 2, 30):
        request_due_pushes(now=now + timedelta(minutes=minutes))
        push(now=now + timedelta(minutes=minutes))
    assert len(apns.deliveries) == 15
    assert [failure["code"] for failure in news["push_failed"]] == ["push_refused"]
    assert "APNs refuses what this server sends" in caplog.text
    assert device.enrollment.push_suspended_at is None
    request_due_pushes(now=now + timedelta(days=3))
    assert push(now=now + timedelta(days=3)) == 1  # it was this server's fault, and is mended
    assert device.enrollment.push_error == ""


def test_patient_devices_are_pushed_first(enroll: Enroll, apns: FakeApns) -> None:
    devices = [enroll() for _ in range(3)]
    for attempts, device in zip((7, 0, 3), devices, strict=True):
        Enrollment.objects.filter(pk=device.enrollment.pk).update(push_attempts=attempts)
    assert ask_again() == 3
    push()
    tokens = [delivery.token for delivery in apns.deliveries]
    assert tokens == [devices[index].token for index in (1, 2, 0)]


def test_whoever_was_heard_of_last_is_pushed_first(enroll: Enroll, apns: FakeApns) -> None:
    devices, now = [enroll() for _ in range(4)], timezone.now()
    for days, device in zip((40, None, 400, 1), devices, strict=True):
        seen = None if days is None else now - timedelta(days=days)
        Enrollment.objects.filter(pk=device.enrollment.pk).update(last_seen_at=seen)
    assert ask_again() == 4
    push()
    tokens = [delivery.token for delivery in apns.deliveries]
    assert tokens == [devices[index].token for index in (1, 3, 0, 2)]


def ask_again() -> int:
    """What the sweep does for commands whose push was forgotten."""
    Enrollment.objects.update(push_requested_at=None)
    return request_due_pushes(now=timezone.now())


def test_nobody_is_pushed_to_after_leaving(enroll: Enroll, apns: FakeApns) -> None:
    left, removed = enroll(), enroll()
    left.check_out()
    unenroll(removed.row, actor="a")
    far = timezone.now() + timedelta(days=1)
    Enrollment.objects.update(push_requested_at=far)
    assert push(now=far) == 0
    assert request_due_pushes(now=far) == 0
    assert apns.deliveries == []
    assert Device.objects.filter(status="unenrolled").count() == 2


def test_a_push_without_commands_is_sent_too(enroll: Enroll, apns: FakeApns) -> None:
    device = enroll()
    push()
    forget_commands()
    push_now(device.row, actor="a")
    assert push() == 1
