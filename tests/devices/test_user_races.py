"""Messages of one Mac's users at the same moment, on a database that threads share."""

import json
import time
from threading import Event
from typing import Any

import pytest
from django.db import transaction

from devices.models import Command, StatusReport, UserChannel
from devices.services.actions import queue_command
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import CHECKIN
from tests.devices.mdm_user import MdmUser
from tests.devices.test_races import run_together

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_user_has_one_channel_when_two_token_updates_come_at_once(
    make_device: MakeDevice, settings: Any, started: list[str]
) -> None:
    settings.MDM_USER_CHANNEL = True
    user = MdmUser(make_device(product="Mac14,2").enroll())
    answers = run_together(lambda _: user.token_update(), count=6)
    assert {answer.status_code for answer in answers} == {200}
    assert (UserChannel.objects.count(), user.row.token_update_count) == (1, 6)


def test_a_user_is_left_without_a_channel_when_the_device_checks_out_at_once(
    make_device: MakeDevice, settings: Any, started: list[str]
) -> None:
    settings.MDM_USER_CHANNEL = True
    user = MdmUser(make_device(product="Mac14,2").enroll())
    acts = [user.token_update, user.device.check_out]
    answers = run_together(lambda number: acts[number % 2](), count=6)
    assert {answer.status_code for answer in answers} <= {200, 403}
    assert not UserChannel.objects.filter(ended_at=None).exists()
    assert not UserChannel.objects.filter(push_token__isnull=False).exists()


def test_no_command_waits_for_a_user_who_leaves_at_the_same_moment(
    make_device: MakeDevice, settings: Any, started: list[str]
) -> None:
    settings.MDM_USER_CHANNEL = True
    user = MdmUser(make_device(product="Mac14,2").enroll()).log_in()
    device, channel = user.device.row, user.row.public_id
    is_queued = Event()

    def ask() -> int:
        with transaction.atomic():
            queue_command(
                device, request_type="ProfileList", parameters={}, actor="a", user=channel
            )
            is_queued.set()
            time.sleep(0.3)  # as long as the user's message waits for the enrollment
        return 200

    def leave() -> int:
        assert is_queued.wait(10)
        return user.check_in("CheckOut").status_code

    assert run_together(lambda number: (ask, leave)[number](), count=2) == [200, 200]
    assert Command.objects.get(user_channel=user.row).state == "cancelled"


def test_no_item_is_lost_when_reports_come_at_once(
    make_device: MakeDevice, started: list[str]
) -> None:
    device = make_device().enroll()

    def report(number: int) -> Any:
        data = json.dumps({"StatusItems": {f"item{number}": number}}).encode()
        message = device.message("DeclarativeManagement", Endpoint="status", Data=data)
        return device.put(CHECKIN, message)

    assert {answer.status_code for answer in run_together(report, count=6)} == {200}
    assert StatusReport.objects.get().items == {f"item{number}": number for number in range(6)}
