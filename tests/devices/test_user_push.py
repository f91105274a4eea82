"""Pushes to users' channels: the same claims, answers and sweep as the device's."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Command, Enrollment, UserChannel
from devices.services.push.requests import request_due_pushes
from devices.services.queue import enqueue
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_user import MdmUser
from tests.devices.pushing import push
from tests.simulator.apns import FakeApns


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
    started: list[str],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        ask(user)
    assert started == ["send_requested_pushes"]
    assert push() == 1
    assert push() == 0
    [delivery] = apns.deliveries
    assert delivery.woke
    assert (delivery.token, delivery.magic) == (user.token, user.magic)


def test_a_lost_push_of_a_user_is_found_by_the_sweep(user: MdmUser, apns: FakeApns) -> None:
    ask(user)
    UserChannel.objects.update(push_requested_at=None)
    assert request_due_pushes(now=timezone.now()) == 1
    assert push() == 1
    assert [delivery.token for delivery in apns.deliveries] == [user.token]


def test_a_users_dead_token_does_not_unenroll_the_device(user: MdmUser, apns: FakeApns) -> None:
    apns.unregister(user.token)
    ask(user)
    assert push(now=timezone.now() + timedelta(seconds=1)) == 0
    assert user.row.push_suspended_at is not None
    assert "Unregistered" in user.row.push_error
    assert user.device.row.status == "enrolled"
    assert user.device.enrollment.push_suspended_at is None
    apns.register(user.token, user.magic, user.device.topic)
    user.log_in()
    later = timezone.now() + timedelta(minutes=1)
    assert request_due_pushes(now=later) == 1
    assert push(now=later) == 1


def test_an_ended_channel_is_not_pushed_to(user: MdmUser, apns: FakeApns) -> None:
    ask(user)
    user.check_in("CheckOut")
    UserChannel.objects.update(push_requested_at=timezone.now(), push_token=user.token)
    assert push() == 0
    assert not apns.deliveries
