"""An enrollment that ends while something is done for it, on a database that threads share."""

import plistlib
import time
from threading import Event

import pytest
from django.db import transaction
from django.utils import timezone

from devices.errors import NotEnrolled
from devices.models import Command, Enrollment
from devices.services.checkin import check_out
from devices.services.queue import enqueue
from devices.services.raw_commands import queue_raw_command
from tests.devices.conftest import MakeDevice
from tests.devices.test_races import run_together

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_enrollment_that_ends_at_the_same_moment_takes_no_push_token(
    make_device: MakeDevice, started: list[str]
) -> None:
    device = make_device().enroll()
    device.answer_everything()
    before = device.enrollment.push_token
    is_changed = Event()

    def end() -> int:
        with transaction.atomic():
            Enrollment.objects.update(state="removed")
            is_changed.set()
            time.sleep(0.3)  # as long as the message waits for the row
        return 0

    def update() -> int:
        device.token = b"\x07" * 32
        assert is_changed.wait(10)
        return device.token_update().status_code

    assert run_together(lambda number: (end, update)[number](), count=2) == [0, 403]
    assert device.enrollment.push_token == before


def test_an_enrollment_that_ends_at_the_same_moment_keeps_no_unlock_token(
    make_device: MakeDevice, started: list[str]
) -> None:
    device = make_device().enroll()
    device.answer_everything()
    enqueue(device.enrollment, command={"RequestType": "RequestUnlockToken"})
    command = device.take()
    assert command is not None
    is_changed = Event()

    def end() -> int:
        with transaction.atomic():
            Enrollment.objects.update(state="removed", unlock_token=None)
            is_changed.set()
            time.sleep(0.3)  # as long as the message waits for the row
        return 200

    def answer() -> int:
        assert is_changed.wait(10)
        uuid = command["CommandUUID"]
        return device.connect("Acknowledged", uuid, UnlockToken=b"late").status_code

    assert set(run_together(lambda number: (end, answer)[number](), count=2)) <= {200, 403}
    assert device.enrollment.unlock_token is None


def test_an_answer_teaches_nothing_when_the_enrollment_ends_at_the_same_moment(
    make_device: MakeDevice, started: list[str]
) -> None:
    device = make_device().enroll()
    command = device.take()
    assert command is not None
    assert command["Command"]["RequestType"] == "DeviceInformation"
    is_changed = Event()

    def end() -> int:
        with transaction.atomic():
            check_out(device.enrollment, now=timezone.now())
            is_changed.set()
            time.sleep(0.3)  # as long as the answer waits for the device
        return 200

    def answer() -> int:
        assert is_changed.wait(10)
        facts = {"QueryResponses": {"DeviceName": "Late"}}
        return device.connect("Acknowledged", command["CommandUUID"], **facts).status_code

    assert set(run_together(lambda number: (end, answer)[number](), count=2)) <= {200, 403}
    assert device.row.name != "Late"
    assert not Command.objects.filter(completed_at=None).exists()


def test_nothing_is_queued_when_the_enrollment_ends_at_the_same_moment(
    make_device: MakeDevice, started: list[str]
) -> None:
    device = make_device().enroll()
    device.answer_everything()
    is_changed = Event()

    def end() -> None:
        with transaction.atomic():
            Enrollment.objects.update(state="removed")
            is_changed.set()
            time.sleep(0.3)  # as long as the administrator waits for the row

    def ask() -> None:
        assert is_changed.wait(10)
        command = plistlib.dumps({"RequestType": "RestartDevice"})
        with pytest.raises(NotEnrolled):
            queue_raw_command(device.row, content=command, actor="a")

    run_together(lambda number: (end, ask)[number](), count=2)
    assert not Command.objects.filter(request_type="RestartDevice").exists()
