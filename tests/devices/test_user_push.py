"""Pushes to users' channels: the same claims, answers and sweep as the device's."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Command, Enrollment, UserChannel
from devices.protocol.apns import Verdict
from devices.services.apns_client import close_clients
from devices.services.push import push, request_due_pushes
from devices.services.queue import enqueue
from devices.tasks import push_user_channel, sweep_commands
from tests.devices.conftest import MakeDevice, News
from tests.devices.mdm_user import MdmUser
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
def user(make_device: MakeDevice, apns: FakeApns, settings: Any) -> MdmUser:
    settings.MDM_USER_CHANNEL = True
    mac = make_device(product="Mac14,2").enroll()
    mac.answer_everything()
    Enrollment.objects.update(push_requested_at=None)
    user = MdmUser(mac).log_in()
    apns.register(mac.token, mac.magic, mac.topic)
    apns.register(user.token, user.magic, mac.topic)
    return user


def ask(user: MdmUser) -> Command:
    return enqueue(
        user.device.enrollment, command={"RequestType": "ProfileList"}, user_channel=user.row
    )


def test_a_users_command_wakes_the_user_and_not_the_device(
    user: MdmUser,
    apns: FakeApns,
    django_capture_on_commit_callbacks: Any,
    started: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids: list[int] = []
    monkeypatch.setattr(push_user_channel, "delay", ids.append)
    with django_capture_on_commit_callbacks(execute=True):
        ask(user)
    assert (ids, started) == ([user.row.pk], [])
    push_user_channel(user.row.pk)
    push_user_channel(user.row.pk)
    [delivery] = apns.deliveries
    assert delivery.woke
    assert (delivery.token, delivery.magic) == (user.token, user.magic)


def test_a_lost_push_of_a_user_is_found_by_the_sweep(
    user: MdmUser, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids: list[int] = []
    monkeypatch.setattr(push_user_channel, "delay", ids.append)
    ask(user)
    UserChannel.objects.update(push_requested_at=timezone.now() - timedelta(minutes=5))
    sweep_commands()
    assert (ids, started) == ([user.row.pk], [])


def test_a_users_dead_token_does_not_unenroll_the_device(
    user: MdmUser, apns: FakeApns, news: News
) -> None:
    apns.unregister(user.token)
    ask(user)
    verdict = push(user.row.pk, model=UserChannel, now=timezone.now())
    assert verdict == Verdict.DEVICE_GONE
    assert user.row.push_suspended_at is not None
    assert user.device.row.status == "enrolled"
    assert user.device.enrollment.push_suspended_at is None
    assert len(news["push_failed"]) == 1
    apns.register(user.token, user.magic, user.device.topic)
    user.log_in()
    ask(user)
    assert push(user.row.pk, model=UserChannel, now=timezone.now()) == Verdict.DELIVERED


def test_an_ended_channel_is_not_pushed_to(user: MdmUser, apns: FakeApns) -> None:
    ask(user)
    user.check_in("CheckOut")
    UserChannel.objects.update(push_requested_at=timezone.now(), push_token=user.token)
    assert push(user.row.pk, model=UserChannel, now=timezone.now()) is None
    assert not apns.deliveries


def test_a_device_is_not_woken_for_its_users_commands(user: MdmUser) -> None:
    ask(user)
    assert request_due_pushes(now=timezone.now()) == []
    assert request_due_pushes(model=UserChannel, now=timezone.now()) == [user.row.pk]
