"""A device with a long history: its queue and its page are read by indexes of their own."""

from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from django.utils import timezone

from devices.models import Command
from devices.selectors import find_due_commands, list_commands
from devices.services.queue import enqueue, expire_commands, offer_commands
from devices.services.retention import KEPT
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import MdmDevice


@pytest.fixture
def phone(make_device: MakeDevice) -> MdmDevice:
    return make_device().enroll()


@pytest.fixture
def large_tables(phone: MdmDevice) -> Iterator[None]:
    """PostgreSQL reads small tables whole; here it plans as if that were expensive.

    An index that other tests' rows have swollen would look more expensive than a wider one.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"REINDEX TABLE {Command._meta.db_table}")
                for method in ("seqscan", "sort", "bitmapscan"):
                    cursor.execute(f"SET LOCAL enable_{method} = off")
        yield


def test_the_history_is_one_walk_through_its_index(phone: MdmDevice, large_tables: None) -> None:
    plan = list_commands(phone.row)[:25].explain()
    assert "command_history" in plan
    assert "TEMP B-TREE" not in plan


def test_what_waits_is_found_without_what_is_over(phone: MdmDevice, large_tables: None) -> None:
    now = timezone.now()
    assert "command_queue" in offer_commands(enrollment=phone.enrollment.pk, now=now).explain()
    due = find_due_commands(now).filter(enrollment=phone.enrollment.pk).order_by()
    assert "command_queue" in due.explain()


def test_what_expires_and_what_is_forgotten_is_found_by_an_index(large_tables: None) -> None:
    now = timezone.now()
    expiring = Command.objects.filter(completed_at=None, expires_at__lte=now)
    assert "command_expiry" in expiring.order_by("expires_at").explain()
    old = Command.objects.filter(completed_at__lte=now - KEPT, forgotten_at=None)
    assert "command_retention" in old.order_by("completed_at").explain()


def test_a_command_knows_its_device_however_it_was_made(phone: MdmDevice) -> None:
    assert set(Command.objects.values_list("device__udid", flat=True)) == {phone.udid}
    command = enqueue(phone.enrollment, command={"RequestType": "RestartDevice"})
    assert command.device == phone.row
    assert expire_commands(now=timezone.now()) == 0
