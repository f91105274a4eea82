"""PostgreSQL: what a statement reads does not depend on what is known of the tables."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from devices.models import Command, Device, Enrollment, UserChannel
from devices.rest.commands import CommandFilters, CommandViewSet
from devices.selectors import filter_by_words, list_questions
from devices.services.bulk_commands import request_bulk
from devices.services.device_search import filter_by_silence
from devices.services.push.alarms import MISSING
from devices.services.push.poke import poke_silent
from devices.services.push.requests import request_due_pushes
from devices.services.push.stops import Stop, stop_topic
from devices.services.queue import enqueue
from organization.rest.ordering import Order, Place
from tests.devices.conftest import MakeDevice
from tests.devices.fleet import Fleet
from tests.devices.mdm_device import MdmDevice
from tests.plans import count_rows_read, pretend

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no generic plans"),
]
TABLES = ("devices_enrollment", "devices_device", "devices_command")
MANY = 150
TIMES = 10
"""PostgreSQL makes the plan that it keeps for a prepared statement after five."""


@pytest.fixture
def phone(make_device: MakeDevice, fleet: Fleet) -> Iterator[MdmDevice]:
    """One of many devices, in tables that no ANALYZE has seen."""
    device = make_device().enroll()
    device.answer_everything()
    fleet.add(300)
    pretend(TABLES, rows=-1)
    with connection.cursor() as cursor:
        cursor.execute("DISCARD PLANS")
        yield device
        cursor.execute("DISCARD PLANS")


@pytest.fixture
def many(fleet: Fleet) -> int:
    """So many devices, in tables that had no rows when they were counted last."""
    fleet.add(MANY)
    pretend(TABLES, rows=0)
    return MANY


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
    before = count_rows_read(TABLES)
    assert [send(phone) for _ in range(TIMES)] == [200] * TIMES
    after = count_rows_read(TABLES)
    read = {name: (after[name] - before.get(name, 0)) / TIMES for name in TABLES}
    assert max(read.values()) < 20, f"rows read a message: {read}"


def push_due(now: datetime) -> int:
    Enrollment.objects.update(push_requested_at=None)
    return request_due_pushes(now=now)


def push_lost(now: datetime) -> int:
    Enrollment.objects.update(push_requested_at=None, push_claimed_at=now - timedelta(hours=1))
    return request_due_pushes(now=now)


def poke(now: datetime) -> int:
    Enrollment.objects.update(push_requested_at=None, created_at=now - timedelta(days=30))
    return poke_silent(now=now)


def stop(now: datetime) -> int:
    (topic,) = Enrollment.objects.values_list("topic", flat=True).distinct().order_by()
    stop_topic(topic, stop=Stop(MISSING, "There is none."))
    return Enrollment.objects.exclude(push_error="").count()


@pytest.mark.parametrize("sweep", [push_due, push_lost, poke, stop])
def test_a_sweep_reads_each_row_few_times_when_the_tables_are_taken_for_empty(
    many: int, sweep: Callable[[datetime], int]
) -> None:
    before = count_rows_read(TABLES)
    assert sweep(timezone.now()) == many
    after = count_rows_read(TABLES)
    read = {name: (after[name] - before.get(name, 0)) / many for name in TABLES}
    assert max(read.values()) < 20, f"times that each row was read: {read}"


NOTES = 8


def count_updates() -> dict[str, tuple[int, int]]:
    """Return for each table how many updates there were, and how many touched no index."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables "
            "WHERE relname = ANY(%s)",
            [list(TABLES)],
        )
        return {name: (updated, hot) for name, updated, hot in cursor.fetchall()}


def test_the_note_that_a_device_is_here_touches_no_index(make_device: MakeDevice) -> None:
    """But where its page is full; of several notes, not all meet that."""
    phone, past = make_device().enroll(), timezone.now() - timedelta(hours=2)
    phone.answer_everything()
    notes = dict.fromkeys(("devices_enrollment", "devices_device"), (0, 0))
    for _ in range(NOTES):
        Enrollment.objects.update(last_seen_at=past, push_attempts=2, push_error="")
        before = count_updates()
        assert phone.connect().status_code == 200
        after = count_updates()
        for name, (updated, hot) in notes.items():
            notes[name] = (
                updated + after[name][0] - before[name][0],
                hot + after[name][1] - before[name][1],
            )
    for name, (updated, hot) in notes.items():
        assert updated == NOTES, name
        assert hot > 0, name
    assert (phone.enrollment.last_seen_at or past) > past
    assert phone.enrollment.push_attempts == 0


@pytest.mark.parametrize("text", ["ABC123", "anna MacBook", "nothing-like-it"])
def test_devices_are_found_by_words_without_reading_all_of_them(fleet: Fleet, text: str) -> None:
    fleet.add(300)
    rows = filter_by_words(Device.objects.all(), text)
    with connection.cursor() as cursor:
        # Of so few devices reading all is cheaper still.
        cursor.execute("SET LOCAL enable_seqscan = off")
        assert "Bitmap Index Scan on device_words" in rows.order_by().explain()
    # A word of two letters has nothing that the index knows; it is found all the same.
    assert filter_by_words(Device.objects.all(), "zz").count() == 0


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (filter_by_silence(Device.objects.order_by(), since=timezone.now()), "device_reported"),
        (Device.objects.order_by("status", "id")[:50], "device_by_status"),
        (Device.objects.order_by("-status", "-id")[:50], "device_by_status"),
        (Device.objects.filter(status="managed").order_by("-id")[:50], "device_by_status"),
        (Device.objects.order_by("os_version", "id")[:50], "device_by_os"),
    ],
)
def test_a_list_of_devices_reads_its_part_of_an_index(fleet: Fleet, rows: Any, index: str) -> None:
    fleet.add(300)
    with connection.cursor() as cursor:
        # Of so few devices reading all is cheaper still.
        cursor.execute("SET LOCAL enable_seqscan = off")
        assert index in rows.explain()


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("name", ["id", "name", "status", "os_version", "enrolled_at"])
def test_a_page_in_the_middle_of_an_order_reads_its_own_rows_alone(
    fleet: Fleet, name: str, descending: bool
) -> None:
    """Pages far behind cost what the first one does, though most rows have the same status."""
    fleet.add(300)
    now = timezone.now()
    for number, device in enumerate(Device.objects.order_by("id")):
        device.name, device.os_version = f"{number:03}", f"{number // 100}"
        device.enrolled_at = now + timedelta(minutes=number) if number % 3 else None
        device.save()
    field: Any = Device._meta.get_field(name)
    order = Order(field, descending=descending)
    rows = Device.objects.all()
    every = order.take(rows, count=1000, place=None, forward=True)
    assert len(every) == 300
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    for forward, expected in ((True, every[151:161]), (False, every[149:139:-1])):
        middle = Place(getattr(every[150], name), every[150].pk)
        before = count_rows_read(TABLES)["devices_device"]
        assert order.take(rows, count=10, place=middle, forward=forward) == expected
        assert count_rows_read(TABLES)["devices_device"] - before < 60


def test_what_a_device_was_asked_is_found_in_its_own_history(phone: MdmDevice) -> None:
    asked = list_questions(phone.row, phone.enrollment, request_type="NeverAsked")
    with connection.cursor() as cursor:
        # Of so few commands reading all, and sorting them, is cheaper still.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        assert "command_history" in asked[:1].explain()


@pytest.mark.parametrize("name", ["bulk", "device", "user"])
def test_the_commands_of_one_row_are_found_without_reading_those_of_others(
    fleet: Fleet, name: str
) -> None:
    """Of ten rows one has three commands; a join took it to have a tenth of all."""
    fleet.add(10)
    Command.objects.all().delete()
    enrollments = Enrollment.objects.order_by("-pk")[:10]
    owners: list[dict[str, Any]] = []
    for number, enrollment in enumerate(enrollments):
        bulk = request_bulk([], name="ProfileList", parameters={}, actor="tests")
        user = UserChannel.objects.create(enrollment=enrollment, user_id=f"{number}")
        Command.objects.bulk_create(
            Command(
                uuid=f"{number}-{each}", enrollment=enrollment, bulk=bulk, user_channel=user,
                device=enrollment.device, request_type="ProfileList", body=b"",
            )
            for each in range(200 if number else 3)
        )  # fmt: skip
        owners.append({"bulk": bulk, "device": enrollment.device, "user": user})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    before = count_rows_read(TABLES)
    listed = CommandViewSet.queryset.order_by("-id")
    found = CommandFilters({name: owners[0][name].public_id}, queryset=listed).qs[:51]
    assert len(found) == 3
    assert count_rows_read(TABLES)["devices_command"] - before["devices_command"] < 20
