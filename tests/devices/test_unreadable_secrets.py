"""A secret that no key opens, as where a key was taken away too early, is nobody else's trouble."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices import tasks
from devices.models import Command, DeviceStatus, Enrollment
from devices.services.actions import queue_command
from organization.protocol.sealing import decode_key_ring, generate_key
from policies.tasks import apply_chunk
from tests.devices.conftest import Enroll
from tests.devices.mdm_device import MdmDevice
from tests.simulator.apns import FakeApns

pytestmark = pytest.mark.django_db
PUSH = ("push_token", "push_magic")
OTHERS = ("unlock_token", "bootstrap_token")


def lose(settings: Any, rows: Any, column: str) -> None:
    """Seal the column with a key that the server does not have any more."""
    ring = settings.GUARDMDM_KEY_RING
    settings.GUARDMDM_KEY_RING = decode_key_ring(generate_key())
    rows.update(**{column: b"sealed with a lost key"})
    settings.GUARDMDM_KEY_RING = ring


@pytest.mark.parametrize("column", [*PUSH, *OTHERS])
def test_sweeps_serve_the_other_devices(
    enroll: Enroll, settings: Any, started: list[str], column: str
) -> None:
    """The first such row stopped the inventory, the policies and the pushes of everybody."""
    lost, other = enroll(), enroll()
    lose(settings, Enrollment.objects.filter(device=lost.row), column)
    Command.objects.all().delete()
    long_ago = timezone.now() - timedelta(days=40)
    Enrollment.objects.update(inventory_due_at=long_ago)
    tasks.sweep_inventory()
    assert {each.device for each in Command.objects.all()} == {lost.row, other.row}
    Enrollment.objects.update(last_seen_at=long_ago)
    tasks.sweep_commands()
    assert other.row.status == DeviceStatus.NOT_MANAGED
    apply_chunk(list(Enrollment.objects.values_list("pk", flat=True)))
    assert other.connect().status_code == 200


@pytest.mark.parametrize("column", PUSH)
def test_the_others_are_pushed_and_it_is_itself_after_its_next_token_update(
    enroll: Enroll, apns: FakeApns, settings: Any, started: list[str], column: str
) -> None:
    lost, other = enroll(), enroll()
    lose(settings, Enrollment.objects.filter(device=lost.row), column)
    tasks.send_requested_pushes()
    assert other.enrollment.push_sent_at is not None
    assert (other.enrollment.push_error, other.enrollment.push_claimed_at) == ("", None)
    row = Enrollment.objects.get(device=lost.row)
    assert (row.push_error, row.push_claimed_at) == ("the push token cannot be read", None)
    assert row.push_requested_at is not None
    assert lost.token_update().status_code == 200
    tasks.send_requested_pushes()
    row = Enrollment.objects.get(device=lost.row)
    assert (row.push_error, row.push_requested_at) == ("", None)


@pytest.mark.parametrize("column", OTHERS)
def test_a_device_goes_on_when_what_it_does_not_need_is_lost(
    enroll: Enroll, settings: Any, column: str
) -> None:
    device = enroll()
    lose(settings, Enrollment.objects.all(), column)
    assert device.token_update(AwaitingConfiguration=False).status_code == 200
    assert device.answer_everything()
    assert device.token_update(UnlockToken=b"another").status_code == 200
    if column == "unlock_token":
        assert device.enrollment.unlock_token == b"another"


def test_a_command_that_cannot_be_read_is_not_in_the_way_of_others(
    enroll: Enroll, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    device = enroll()
    device.answer_everything()
    first, second = (_queue(device, name) for name in ("RestartDevice", "ProfileList"))
    lose(settings, Command.objects.filter(pk=first.pk), "body")
    taken = device.take()
    assert taken is not None
    assert taken["CommandUUID"] == second.uuid
    assert device.take("Acknowledged", second.uuid) is None
    first.refresh_from_db()
    assert first.is_open
    assert first.not_before is not None
    assert first.not_before > timezone.now() + timedelta(minutes=50)


def test_it_is_put_off_when_there_is_no_other(
    enroll: Enroll, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    device = enroll()
    device.answer_everything()
    lose(settings, Command.objects.filter(pk=_queue(device, "RestartDevice").pk), "body")
    assert device.connect().status_code == 503
    assert re.search("no key in GUARDMDM_ENCRYPTION_KEYS", caplog.text)
    assert device.connect().status_code == 200


def _queue(device: MdmDevice, request_type: str) -> Command:
    return queue_command(device.row, request_type=request_type, parameters={}, actor="tests")
