"""What a device is asked at once costs one statement and one push."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import Command, Enrollment
from devices.services.inventory import ask_due
from devices.services.queue import enqueue, enqueue_together
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import MdmDevice

pytestmark = pytest.mark.django_db

QUESTIONS = [{"RequestType": name} for name in ("SecurityInfo", "ProfileList", "UserList")]


@pytest.fixture
def device(make_device: MakeDevice) -> MdmDevice:
    device = make_device().enroll()
    device.answer_everything()
    Command.objects.all().delete()
    return device


def test_daily_questions_are_one_statement_and_one_push_when_due(device: MdmDevice) -> None:
    Enrollment.objects.update(inventory_due_at=timezone.now() - timedelta(days=1))
    with CaptureQueriesContext(connection) as queries:
        assert ask_due(now=timezone.now()) == 1
    written = [each["sql"] for each in queries if "devices_command" in each["sql"].lower()]
    assert len([sql for sql in written if sql.startswith("INSERT")]) == 1
    pushes = [each["sql"] for each in queries if '"push_requested_at" =' in each["sql"]]
    assert len(pushes) == 1
    assert len(queries) <= 12
    asked = Command.objects.order_by("id")
    assert [row.request_type for row in asked][:2] == ["DeviceInformation", "SecurityInfo"]
    assert {row.device_id for row in asked} == {device.row.pk}
    assert device.enrollment.push_requested_at is not None


def test_questions_wait_once_each_when_another_asker_was_quicker(device: MdmDevice) -> None:
    first = enqueue(device.enrollment, command=QUESTIONS[1])
    rows = enqueue_together(device.enrollment, commands=QUESTIONS)
    assert [row.request_type for row in rows] == ["SecurityInfo", "ProfileList", "UserList"]
    assert rows[1].pk == first.pk
    assert Command.objects.count() == 3


def test_a_connected_device_is_not_pushed_when_it_is_asked_more(device: MdmDevice) -> None:
    Enrollment.objects.update(push_requested_at=None)
    rows = enqueue_together(device.enrollment, commands=QUESTIONS, is_connected=True)
    assert device.enrollment.push_requested_at is None
    taken = device.take()
    assert taken is not None
    assert taken["CommandUUID"] == rows[0].uuid
    assert enqueue_together(device.enrollment, commands=[]) == []
