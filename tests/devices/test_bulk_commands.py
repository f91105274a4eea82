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
from devices.services.bulk_commands import (
    cancel_bulk,
    claim_stalled_bulks,
    queue_portion,
    request_bulk,
)
from devices.tasks import queue_bulk
from organization.models import AuditEntry
from organization.protocol.sealing import decode_key_ring, generate_key

pytestmark = pytest.mark.django_db
ACTOR = "ada@example.com"


@pytest.fixture(autouse=True)
def portions_of_two(bootstrapped: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_commands, "PORTION", 2)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The arguments of the tasks that were given to the broker."""
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(queue_bulk, "delay", lambda *arguments: given.append(arguments))
    return given


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
        ("InstallApplication", {}),
        ("InstallApplication", {"identifier": "a", "ios_app": True, "attributes": {}}),
        ("RemoveMedia", {"media_type": "Book"}),
        ("DeviceLock", {"pin": "12"}),
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


def test_the_sweep_goes_on_when_a_task_was_lost(tasks: list[tuple[int, int]]) -> None:
    keys = make_devices(3)
    bulk = request_bulk(keys, name="ProfileList", parameters={}, actor=ACTOR)
    other = request_bulk(keys[:1], name="SecurityInfo", parameters={}, actor=ACTOR)
    now = timezone.now()
    assert claim_stalled_bulks(now=now) == {}
    later = now + timedelta(minutes=3)
    assert claim_stalled_bulks(now=later) == {bulk.pk: 3, other.pk: 1}
    assert claim_stalled_bulks(now=later) == {}, "a sweep that came late finds it taken"
    queue_bulk(bulk.pk, 3)
    assert tasks == [(bulk.pk, 1)]
    queue_bulk(bulk.pk, 1)
    queue_bulk(other.pk, 1)
    assert claim_stalled_bulks(now=later + timedelta(minutes=3)) == {}


def test_one_chain_goes_on_when_a_task_runs_twice(tasks: list[tuple[int, int]]) -> None:
    bulk = request_bulk(make_devices(5), name="ProfileList", parameters={}, actor=ACTOR)
    queue_bulk(bulk.pk, 5)
    queue_bulk(bulk.pk, 5)
    bulk.refresh_from_db()
    assert (bulk.queued, tasks) == (2, [(bulk.pk, 3)])


def test_it_is_over_with_its_reason_when_its_parameters_cannot_be_read(
    tasks: list[tuple[int, int]], settings: Any
) -> None:
    """The key was taken out of the settings: every minute another sweep met a traceback."""
    keys = make_devices(3)
    parameters = {"identifiers": ["com.example.app"]}
    bulk = request_bulk(keys, name="ValidateApplications", parameters=parameters, actor=ACTOR)
    settings.GUARDMDM_KEY_RING = decode_key_ring(generate_key())
    queue_bulk(bulk.pk, 3)
    bulk = BulkCommand.objects.defer("parameters").get()
    assert (bulk.queued, bulk.refused, bulk.waiting, tasks) == (0, 3, [], [])
    assert list(bulk.refusals) == [
        "its parameters cannot be read: no key in GUARDMDM_ENCRYPTION_KEYS opens this value"
    ]
    assert bulk.refused_devices[0] == [keys[0], next(iter(bulk.refusals))]
    assert claim_stalled_bulks(now=timezone.now() + timedelta(minutes=3)) == {}


def test_it_can_be_cancelled_when_its_parameters_cannot_be_read(settings: Any) -> None:
    bulk = request_bulk(make_devices(3), name="ProfileList", parameters={}, actor=ACTOR)
    settings.GUARDMDM_KEY_RING = decode_key_ring(generate_key())
    cancel_bulk(bulk, actor=ACTOR, now=timezone.now())
    assert BulkCommand.objects.defer("parameters").get().waiting == []


def test_only_the_device_is_left_out_whose_secret_cannot_be_read(settings: Any) -> None:
    ring, keys = settings.GUARDMDM_KEY_RING, make_devices(2)
    settings.GUARDMDM_KEY_RING = decode_key_ring(generate_key())
    Enrollment.objects.filter(device=keys[0]).update(unlock_token=b"sealed with a lost key")
    settings.GUARDMDM_KEY_RING = ring
    bulk = run(request_bulk(keys, name="ProfileList", parameters={}, actor=ACTOR))
    assert (bulk.queued, bulk.refused) == (1, 1)
    assert next(iter(bulk.refusals)).startswith("a secret of the device cannot be read")


def test_a_device_that_is_gone_is_counted_as_such() -> None:
    """The page said that the command had been cancelled."""
    keys = make_devices(3)
    bulk = request_bulk(keys, name="ProfileList", parameters={}, actor=ACTOR)
    Device.objects.filter(pk=keys[2]).delete()
    bulk = run(bulk)
    assert (bulk.asked, bulk.refusals) == (3, {"deleted meanwhile": 1})


def test_what_was_given_lies_sealed() -> None:
    name, parameters = "SetRecoveryLock", {"new_password": "very secret"}
    request_bulk(make_devices(1), name=name, parameters=parameters, actor=ACTOR)
    with connection.cursor() as cursor:
        cursor.execute("SELECT parameters FROM devices_bulkcommand")
        assert b"very secret" not in bytes(cursor.fetchone()[0])
