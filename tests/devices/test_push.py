"""Pushes over real HTTP/2 and TLS to a fake APNs: PUSH 1-4, R4, R6."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Command, Device, Enrollment, PushCertificate
from devices.protocol.apns import Verdict
from devices.services.actions import push_now, unenroll
from devices.services.apns_client import close_clients
from devices.services.push import push, request_due_pushes
from devices.services.push_certificate import import_push_certificate
from devices.services.queue import enqueue
from devices.tasks import push_device, sweep_commands
from tests.devices.conftest import MakeDevice, News
from tests.devices.mdm_device import MdmDevice
from tests.simulator.apns import FakeApns


@pytest.fixture
def apns(settings: Any, tmp_path: Path) -> Iterator[FakeApns]:
    with FakeApns() as fake:
        (tmp_path / "ca.pem").write_bytes(fake.ca_pem)
        settings.APNS_HOST, settings.APNS_PORT = "127.0.0.1", fake.port
        settings.APNS_CA = str(tmp_path / "ca.pem")
        yield fake
    close_clients()


@pytest.fixture
def enroll(make_device: MakeDevice, apns: FakeApns) -> Callable[..., MdmDevice]:
    def make() -> MdmDevice:
        device = make_device().enroll()
        apns.register(device.token, device.magic, device.topic)
        return device

    return make


def send(device: MdmDevice, *, now: datetime | None = None) -> Verdict | None:
    return push(device.enrollment.pk, now=now or timezone.now())


def test_a_push_reaches_the_device_with_its_magic(
    enroll: Callable[..., MdmDevice], apns: FakeApns
) -> None:
    device = enroll()
    assert send(device) == Verdict.DELIVERED
    [delivery] = apns.deliveries
    assert delivery.woke
    assert (delivery.token, delivery.magic, delivery.topic) == (
        device.token,
        device.magic,
        device.topic,
    )
    assert delivery.headers["apns-push-type"] == "mdm"
    assert int(delivery.headers["apns-expiration"]) > timezone.now().timestamp() + 3600


def test_many_commands_are_one_push(
    enroll: Callable[..., MdmDevice], apns: FakeApns, django_capture_on_commit_callbacks: Any
) -> None:
    device = enroll()
    enrollment = device.enrollment
    with django_capture_on_commit_callbacks() as callbacks:
        for _ in range(10):
            enqueue(enrollment, command={"RequestType": "RestartDevice"})
    assert len(callbacks) <= 1
    for _ in range(3):
        push_device(enrollment.pk)
    assert len(apns.deliveries) == 1


def test_a_command_that_comes_after_a_push_is_pushed_for_again(
    enroll: Callable[..., MdmDevice], apns: FakeApns
) -> None:
    device = enroll()
    send(device)
    enqueue(device.enrollment, command={"RequestType": "RestartDevice"})
    assert send(device) == Verdict.DELIVERED


def test_a_device_that_is_gone_is_unenrolled_and_left_alone_until_it_is_back(
    enroll: Callable[..., MdmDevice], apns: FakeApns, news: News
) -> None:
    device = enroll()
    apns.unregister(device.token)
    assert send(device) == Verdict.DEVICE_GONE
    assert device.row.status == "unenrolled"
    assert "left" in device.row.status_reason
    assert [failure["code"] for failure in news["push_failed"]] == ["push_failed"]
    far = timezone.now() + timedelta(days=2)
    push_now(device.row, actor="a")
    assert send(device, now=far) is None
    assert request_due_pushes(now=far) == []
    device.token = b"\x09" * 32
    apns.register(device.token, device.magic, device.topic)
    device.token_update()
    assert device.row.status == "enrolled"
    assert request_due_pushes(now=timezone.now()) == [device.enrollment.pk]
    assert send(device) == Verdict.DELIVERED


def test_an_unknown_token_suspends_pushes_but_is_no_farewell(
    enroll: Callable[..., MdmDevice], apns: FakeApns
) -> None:
    device = enroll()
    apns.answer_next(400, "BadDeviceToken")
    assert send(device) == Verdict.UNUSABLE
    assert device.row.status == "enrolled"
    assert request_due_pushes(now=timezone.now() + timedelta(days=2)) == []


def test_a_token_update_that_came_meanwhile_is_not_suspended(
    enroll: Callable[..., MdmDevice], apns: FakeApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = enroll()
    from devices.services import push as module

    ask = module._ask

    def renew_and_ask(*args: Any, **kwargs: Any) -> Any:
        device.token_update()
        return ask(*args, **kwargs)

    monkeypatch.setattr(module, "_ask", renew_and_ask)
    apns.answer_next(410, "Unregistered")
    send(device)
    assert device.enrollment.push_suspended_at is None
    assert device.row.status == "enrolled"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_pushes_wait_ever_longer_when_apns_is_busy(
    enroll: Callable[..., MdmDevice], apns: FakeApns, news: News, status: int
) -> None:
    device, now = enroll(), timezone.now()
    apns.answer_next(status, "TooManyRequests", count=3)
    waits = []
    for _ in range(3):
        assert send(device, now=now) == Verdict.TRY_LATER
        not_before = device.enrollment.push_not_before
        assert not_before is not None
        waits.append((not_before - now).total_seconds())
        assert send(device, now=not_before - timedelta(seconds=1)) is None
        now = not_before
    assert waits == [60, 120, 240]
    assert request_due_pushes(now=now) == [device.enrollment.pk]
    assert send(device, now=now) == Verdict.DELIVERED
    assert len(news["push_failed"]) == 1


@pytest.mark.parametrize("kind", ["goaway", "reset", "close"])
def test_a_push_that_was_not_answered_is_sent_again(
    enroll: Callable[..., MdmDevice], apns: FakeApns, kind: str
) -> None:
    device = enroll()
    send(device)
    push_now(device.row, actor="a")
    apns.disturb_next(kind)
    assert send(device) == Verdict.DELIVERED
    assert len(apns.deliveries) == 2


def test_nothing_is_lost_when_apns_is_unreachable(
    enroll: Callable[..., MdmDevice], apns: FakeApns, news: News
) -> None:
    device = enroll()
    apns.stop()
    assert send(device) == Verdict.TRY_LATER
    assert device.enrollment.push_requested_at is not None
    assert news["push_failed"][0]["code"] == "push_failed"


def test_a_server_that_the_ca_does_not_vouch_for_gets_no_token(
    enroll: Callable[..., MdmDevice], apns: FakeApns, settings: Any
) -> None:
    device = enroll()
    settings.APNS_CA = ""
    assert send(device) == Verdict.TRY_LATER
    assert "certificate verify failed" in device.enrollment.push_error.lower()
    assert apns.deliveries == []


def test_a_refused_certificate_raises_an_alarm_and_the_push_is_kept(
    enroll: Callable[..., MdmDevice], apns: FakeApns, news: News
) -> None:
    device = enroll()
    apns.answer_next(403, "BadCertificate")
    assert send(device) == Verdict.CERTIFICATE_BAD
    assert news["push_failed"][0]["code"] == "push_failed"
    assert device.enrollment.push_requested_at is not None


def test_an_expired_certificate_is_named_and_apns_not_bothered(
    enroll: Callable[..., MdmDevice], apns: FakeApns, news: News
) -> None:
    device = enroll()
    assert send(device, now=timezone.now() + timedelta(days=400)) == Verdict.CERTIFICATE_BAD
    assert news["push_failed"][0]["code"] == "push_certificate_expired"
    assert apns.deliveries == []


def test_a_missing_certificate_is_named_and_the_push_follows_its_import(
    enroll: Callable[..., MdmDevice], apns: FakeApns, news: News
) -> None:
    device, now = enroll(), timezone.now()
    PushCertificate.objects.all().update(is_active=False)
    assert send(device) == Verdict.CERTIFICATE_BAD
    assert news["push_failed"][0]["code"] == "push_certificate_missing"
    pair = apns.issue_push_certificate(device.topic)
    import_push_certificate(pair.pem, now=timezone.now(), actor="a")
    assert request_due_pushes(now=now + timedelta(minutes=2)) == [device.enrollment.pk]
    assert send(device, now=now + timedelta(minutes=2)) == Verdict.DELIVERED


def test_a_renewed_certificate_is_used_at_once(
    enroll: Callable[..., MdmDevice], apns: FakeApns
) -> None:
    device = enroll()
    send(device)
    other = "com.apple.mgmt.External.other"
    pair = apns.issue_push_certificate(other)
    import_push_certificate(pair.pem, accepted_loss=None, now=timezone.now(), actor="a")
    Enrollment.objects.update(topic=other)
    apns.register(device.token, device.magic, other)
    push_now(device.row, actor="a")
    # The fake APNs compares the topic with the certificate of the connection.
    assert send(device) == Verdict.DELIVERED


def test_a_device_of_another_topic_is_not_pushed_to(
    enroll: Callable[..., MdmDevice], apns: FakeApns
) -> None:
    device = enroll()
    Enrollment.objects.update(topic="com.apple.mgmt.External.old")
    assert send(device) == Verdict.CERTIFICATE_BAD
    assert apns.deliveries == []


# The sweep: what a lost task, a killed worker or a silent device left behind.


def test_the_sweep_finds_a_request_whose_task_was_lost(enroll: Callable[..., MdmDevice]) -> None:
    device, now = enroll(), timezone.now()
    Command.objects.all().delete()
    push_now(device.row, actor="a")
    assert request_due_pushes(now=now) == []
    assert request_due_pushes(now=now + timedelta(minutes=1)) == [device.enrollment.pk]


def test_the_sweep_finds_a_push_that_a_killed_worker_had_claimed(
    enroll: Callable[..., MdmDevice], apns: FakeApns
) -> None:
    device = enroll()
    Enrollment.objects.update(push_requested_at=None, push_sent_at=timezone.now())
    assert request_due_pushes(now=timezone.now()) == [device.enrollment.pk]
    assert send(device) == Verdict.DELIVERED


def test_the_sweep_wakes_a_silent_device_ever_less_often(
    enroll: Callable[..., MdmDevice], apns: FakeApns
) -> None:
    device, start = enroll(), timezone.now()
    send(device, now=start)
    pushes = 0
    for minute in range(24 * 60):
        now = start + timedelta(minutes=minute)
        if request_due_pushes(now=now):
            send(device, now=now)
            pushes += 1
    assert 5 < pushes < 15


def test_the_sweep_pushes_again_for_a_command_put_off(
    enroll: Callable[..., MdmDevice], apns: FakeApns
) -> None:
    device = enroll()
    send(device)
    while command := device.take():
        device.take("NotNow", command["CommandUUID"])
        if not Command.objects.filter(state="queued").exists():
            break
    now = timezone.now()
    assert request_due_pushes(now=now) == []
    assert request_due_pushes(now=now + timedelta(minutes=5)) == [device.enrollment.pk]


def test_the_sweep_rests_when_every_command_is_answered(
    enroll: Callable[..., MdmDevice], apns: FakeApns
) -> None:
    device = enroll()
    send(device)
    device.answer_everything()
    assert request_due_pushes(now=timezone.now() + timedelta(days=3)) == []


def test_the_sweep_task_starts_a_task_for_each_device(
    enroll: Callable[..., MdmDevice], started: list[int]
) -> None:
    devices = [enroll() for _ in range(2)]
    sweep_commands()
    assert started == [device.enrollment.pk for device in devices]


def test_nobody_is_pushed_to_after_leaving(
    enroll: Callable[..., MdmDevice], apns: FakeApns
) -> None:
    left, removed = enroll(), enroll()
    left.check_out()
    unenroll(removed.row, actor="a")
    far = timezone.now() + timedelta(days=1)
    for device in (left, removed):
        assert send(device, now=far) is None
    assert request_due_pushes(now=far) == []
    assert Device.objects.filter(status="unenrolled").count() == 2
