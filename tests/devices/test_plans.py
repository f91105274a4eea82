"""PostgreSQL: what a device's message reads does not depend on what is known of the tables."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from devices.services.queue import enqueue
from tests.devices.conftest import MakeDevice
from tests.devices.fleet import Fleet
from tests.devices.mdm_device import MdmDevice

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no generic plans"),
]
TABLES = ("devices_enrollment", "devices_device", "devices_command")
TIMES = 10
"""PostgreSQL makes the plan that it keeps for a prepared statement after five."""


@pytest.fixture
def phone(make_device: MakeDevice, fleet: Fleet) -> Iterator[MdmDevice]:
    """One of many devices, in tables that no ANALYZE has seen."""
    device = make_device().enroll()
    device.answer_everything()
    fleet.add(300)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_class SET reltuples = -1 WHERE relname = ANY(%s)", [list(TABLES)])
        cursor.execute(
            "DELETE FROM pg_statistic WHERE starelid = ANY(%s::text[]::regclass[])", [list(TABLES)]
        )
        cursor.execute("DISCARD PLANS")
        yield device
        cursor.execute("DISCARD PLANS")


def count_rows_read() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) "
            "FROM pg_stat_xact_user_tables WHERE relname = ANY(%s)",
            [list(TABLES)],
        )
        return dict(cursor.fetchall())


def send_idle(phone: MdmDevice) -> int:
    return phone.connect().status_code


def send_token_update(phone: MdmDevice) -> int:
    return phone.token_update().status_code


def send_result(phone: MdmDevice) -> int:
    enqueue(phone.enrollment, command={"RequestType": "RestartDevice"})
    command = phone.take()
    assert command is not None
    return phone.connect("Acknowledged", command["CommandUUID"]).status_code


@pytest.mark.parametrize("send", [send_idle, send_token_update, send_result])
def test_a_message_reads_few_rows_when_no_table_was_analyzed(
    phone: MdmDevice, send: Callable[[MdmDevice], int]
) -> None:
    before = count_rows_read()
    assert [send(phone) for _ in range(TIMES)] == [200] * TIMES
    after = count_rows_read()
    read = {name: (after[name] - before.get(name, 0)) / TIMES for name in TABLES}
    assert max(read.values()) < 20, f"rows read a message: {read}"
