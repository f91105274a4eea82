"""PostgreSQL: a group that is deleted while a device is about to join it."""

import threading
from contextlib import suppress

import pytest
from django.db import IntegrityError, connection, transaction

from devices.models import Enrollment
from devices.services.groups import create_group, delete_group
from tests.devices.conftest import MakeDevice

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no row locks"),
]


def test_device_and_administrator_do_not_wait_for_each_other_when_a_joined_group_is_deleted(
    make_device: MakeDevice,
) -> None:
    """Each held what the other wanted, until PostgreSQL broke one of them off."""
    device = make_device().enroll()
    joining = create_group("Joining", actor="ada@example.com")
    again = make_device(udid=device.udid)
    assert again.authenticate().status_code == 200
    Enrollment.objects.filter(state="authenticated").update(group=joining)
    ends: list[str] = []

    def delete() -> None:
        try:
            delete_group(joining, actor="ada@example.com")
            ends.append("deleted")
        finally:
            connection.close()

    deleting = threading.Thread(target=delete)
    # At its end the message finds the group gone, which its door answers with 503.
    with suppress(IntegrityError), transaction.atomic():
        assert again.token_update().status_code == 200
        deleting.start()
        deleting.join(5)
    deleting.join(30)

    assert ends == ["deleted"]
    assert again.token_update().status_code == 200
    assert (again.enrollment.state, again.row.group) == ("live", device.group)
