"""One command for many devices: each asked once, those that cannot obey counted with reasons."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from devices.errors import CommandInvalid
from devices.models import BulkCommand, Command, Device, Enrollment, EnrollmentState
from devices.selectors import get_command_body
from devices.services import bulk_commands
from devices.services.bulk_commands import find_stalled_bulks, queue_portion, request_bulk
from devices.tasks import queue_bulk
from organization.models import AuditEntry

pytestmark = pytest.mark.django_db
ACTOR = "ada@example.com"


@pytest.fixture(autouse=True)
def portions_of_two(bootstrapped: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_commands, "PORTION", 2)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The keys of the commands for which a task was given to the broker."""
    keys: list[int] = []
    monkeypatch.setattr(queue_bulk, "delay", keys.append)
    return keys


def make_devices(count: int, **facts: Any) -> list[int]:
    keys = []
    for number in range(count):
        udid = f"{Device.objects.count()}-{number}"
        device = Device.objects.create(udid=udid, **{"platform": "ios", **facts})
        Enrollment.objects.create(
            device=device,
            state=EnrollmentState.LIVE,
            certificate_sha256=udid,
            certificate_not_after=timezone.now() + timedelta(days=1),
        )
        keys.append(device.pk)
    return keys


def run(bulk: BulkCommand) -> BulkCommand:
    while queue_portion(bulk.pk, now=timezone.now()):
        pass
    bulk.refresh_from_db()
    return bulk


def test_every_device_is_asked_once_when_tasks_run_more_than_once() -> None:
    keys = make_devices(5)
    parameters = {"identifiers": ["com.example.app"]}
    bulk = request_bulk(
        [*keys, *keys], name="ValidateApplications", parameters=parameters, actor=ACTOR
    )
    run(bulk)
    run(bulk)
    assert (bulk.total, bulk.queued, bulk.refused, bulk.waiting) == (5, 5, 0, [])
    assert bulk.finished_at is not None
    commands = Command.objects.filter(origin=f"bulk:{bulk.public_id}")
    assert sorted(commands.values_list("enrollment__device", flat=True)) == keys
    assert get_command_body(commands[0])["Identifiers"] == ["com.example.app"]
    assert AuditEntry.objects.filter(actor=ACTOR).count() == 1


def test_those_that_cannot_obey_are_counted_with_the_reason() -> None:
    keys = make_devices(1, information={"IsSupervised": True})
    keys += make_devices(2, information={"IsSupervised": False})
    gone = Device.objects.create(udid="gone", platform="ios")
    bulk = run(request_bulk([*keys, gone.pk], name="ShutDownDevice", parameters={}, actor=ACTOR))
    assert (bulk.queued, bulk.refused) == (1, 3)
    assert sorted(bulk.refusals.values()) == [1, 2]
    assert bulk.refusals["not enrolled"] == 1


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("EraseDevice", {}),
        ("ClearPasscode", {}),
        ("Settings.DeviceName", {}),
        ("Settings.DeviceName", {"device_name": 5}),
        ("LOMDeviceRequest", {"device_request_uuid": "U"}),
        ("UserConfigured", {}),
    ],
)
def test_nothing_is_begun_when_it_could_not_be_sent(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(CommandInvalid):
        request_bulk([1], name=name, parameters=parameters, actor=ACTOR)
    assert not BulkCommand.objects.exists()


def test_each_mac_gets_a_password_of_its_own() -> None:
    keys = make_devices(2, platform="macos", os_version="15.1")
    run(request_bulk(keys, name="SetRecoveryLock", parameters={}, actor=ACTOR))
    commands = Command.objects.filter(request_type="SetRecoveryLock")
    assert len({get_command_body(command)["NewPassword"] for command in commands}) == 2


def test_the_sweep_goes_on_when_a_task_was_lost(tasks: list[int]) -> None:
    bulk = request_bulk(make_devices(3), name="ProfileList", parameters={}, actor=ACTOR)
    now = timezone.now()
    assert find_stalled_bulks(now=now) == []
    assert find_stalled_bulks(now=now + timedelta(minutes=3)) == [bulk.pk]
    queue_bulk(bulk.pk)
    assert tasks == [bulk.pk]
    queue_bulk(bulk.pk)
    assert find_stalled_bulks(now=now + timedelta(minutes=3)) == []


def test_what_was_given_lies_sealed() -> None:
    name, parameters = "SetRecoveryLock", {"new_password": "very secret"}
    request_bulk(make_devices(1), name=name, parameters=parameters, actor=ACTOR)
    with connection.cursor() as cursor:
        cursor.execute("SELECT parameters FROM devices_bulkcommand")
        assert b"very secret" not in bytes(cursor.fetchone()[0])
