"""What is left of a command for many devices is taken back, also where somebody is at it."""

import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone

from devices.models import Command, CommandState, Device
from devices.services.bulk_commands import cancel_bulk, queue_portion, request_bulk
from tests.devices.fleet import Fleet

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no row locks"),
]


def test_a_command_that_is_being_handed_out_is_cancelled_with_the_others(fleet: Fleet) -> None:
    """It stayed open, and the page said that all was taken back."""
    fleet.add(3)
    keys = list(Device.objects.values_list("pk", flat=True))
    bulk = request_bulk(keys, name="ProfileList", parameters={}, actor="tests")
    queue_portion(bulk.pk, now=timezone.now())
    is_held, may_end = threading.Event(), threading.Event()

    def hand_out() -> None:
        with transaction.atomic():
            Command.objects.filter(device=keys[0]).update(
                state=CommandState.SENT, sent_at=timezone.now()
            )
            is_held.set()
            may_end.wait(30)
        connection.close()

    device = threading.Thread(target=hand_out)
    device.start()
    assert is_held.wait(10)
    threading.Timer(0.2, may_end.set).start()
    cancel_bulk(bulk, actor="tests", now=timezone.now())
    may_end.set()
    device.join()
    states = Command.objects.filter(bulk=bulk).values_list("state", flat=True)
    assert list(states) == ["cancelled"] * 3
