"""PostgreSQL: a list in the order of a heading reads a part of an index, also for its last page."""

import pytest
from django.db import connection
from django.utils import timezone

from devices.console.device_list import DEVICES
from devices.models import Device
from organization.console.ordering import OrderedRows, find_order
from tests.plans import count_rows_read

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite explains otherwise"),
]
MANY, PAGE, TABLE = 400, 10, "devices_device"


def add_devices() -> None:
    """Make many of which half have the same of everything, as a fleet has it."""
    now = timezone.now()
    Device.objects.bulk_create(
        Device(
            udid=f"{number:08}",
            serial_number=f"SERIAL{number}",
            name="iPhone" if number % 2 else f"iPhone {number}",
            owner="" if number % 2 else f"{number}@example.com",
            platform="ios" if number % 2 else "macos",
            status="managed" if number % 2 else "enrolled",
            os_version_number=2_600_000_000 if number % 2 else None,
            last_seen_at=now,
        )
        for number in range(MANY)
    )


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize(
    "name", ["name", "serial_number", "status", "platform", "os_version", "owner"]
)
def test_devices_are_ordered_by_an_index_when_thousands_have_the_same(name: str, sign: str) -> None:
    add_devices()
    order = find_order(DEVICES.columns, sign + name)
    assert order is not None
    with connection.cursor() as cursor:
        # Of so few rows reading all is cheaper still.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("ANALYZE devices_device")
    before = count_rows_read([TABLE])[TABLE]
    rows = OrderedRows(Device.objects.all(), order, source=Device.objects.all())[20 : 20 + PAGE]
    assert len(rows) == PAGE
    assert count_rows_read([TABLE])[TABLE] - before < MANY / 4
