"""PostgreSQL: a sweep reads each row a few times, whatever is known of the tables."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from devices.models import Command, Device, DeviceStatus, Enrollment, EnrollmentState, Group
from policies.models import ItemState, ItemStatus, PolicyItem
from policies.selectors import list_group_devices, list_live_enrollments
from policies.services.sweep import find_some_stale
from tests.plans import count_rows_read, pretend

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite needs no statistics"),
]
TABLES = ("devices_enrollment", "devices_device", "devices_command", "policies_itemstatus")
MANY, TIMES = 60, 10


def make_devices(group: Group, *, items: list[PolicyItem], now: datetime) -> list[Enrollment]:
    """Devices that have every item and whose reports were looked at."""
    devices = Device.objects.bulk_create(
        Device(udid=uuid4().hex, group=group, platform="ios", status=DeviceStatus.MANAGED)
        for _ in range(MANY)
    )
    enrollments = Enrollment.objects.bulk_create(
        Enrollment(
            device=device,
            state=EnrollmentState.LIVE,
            certificate_sha256=2 * device.udid,
            certificate_not_after=now + timedelta(days=365),
            topic="com.apple.mgmt.x",
            profiles_reported_at=now,
            applications_reported_at=now,
        )
        for device in devices
    )
    ItemStatus.objects.bulk_create(
        ItemStatus(
            enrollment=each,
            item=item,
            kind=item.kind,
            name=item.name,
            identifier=item.identifier,
            version=item.version,
            state=ItemState.INSTALLED,
            settled_at=now - timedelta(hours=1),
            compared_at=now,
        )
        for each in enrollments
        for item in items
    )
    return enrollments


def answer(enrollments: list[Enrollment], *, state: str) -> None:
    """Each item waits for a command of its own in this state."""
    for row in ItemStatus.objects.all():
        row.command_uuid = str(uuid4())
        row.save()
        Command.objects.create(
            uuid=row.command_uuid,
            enrollment=row.enrollment,
            device_id=row.enrollment.device_id,
            request_type="InstallProfile",
            body=b"",
            state=state,
        )


def leave(_: list[Enrollment]) -> None:
    pass


def wait(enrollments: list[Enrollment]) -> None:
    answer(enrollments, state="queued")


def be_answered(enrollments: list[Enrollment]) -> None:
    answer(enrollments, state="acknowledged")


def be_due(_: list[Enrollment]) -> None:
    ItemStatus.objects.update(due_at=timezone.now() - timedelta(hours=1))


def be_reported(_: list[Enrollment]) -> None:
    ItemStatus.objects.update(compared_at=None)


def lack(_: list[Enrollment]) -> None:
    ItemStatus.objects.update(version="earlier")


def have_more(_: list[Enrollment]) -> None:
    ItemStatus.objects.update(item=None)


def want_nothing(_: list[Enrollment]) -> None:
    ItemStatus.objects.all().delete()
    PolicyItem.objects.all().delete()
    Device.objects.update(status=DeviceStatus.ENROLLED)


@pytest.mark.parametrize("rows", [0, -1], ids=["taken for empty", "unknown"])
@pytest.mark.parametrize(
    ("become", "found"),
    [
        (leave, 0), (wait, 0), (be_answered, MANY), (be_due, MANY), (be_reported, MANY),
        (lack, MANY), (have_more, MANY), (want_nothing, MANY),
    ],
)  # fmt: skip
def test_a_sweep_reads_each_row_few_times(
    group: Group,
    add_profile: Callable[..., PolicyItem],
    become: Callable[[list[Enrollment]], None],
    found: int,
    rows: int,
) -> None:
    now = timezone.now()
    enrollments = make_devices(group, items=[add_profile("One"), add_profile("Two")], now=now)
    become(enrollments)
    pretend(TABLES, rows=rows)
    before = count_rows_read(TABLES)
    assert len(find_some_stale(now=now)) == found
    devices = list_group_devices(group.pk, after=0, count=MANY)
    assert list_live_enrollments(devices) == sorted(each.pk for each in enrollments)
    after = count_rows_read(TABLES)
    read = {name: (after[name] - before.get(name, 0)) / MANY for name in TABLES}
    assert max(read.values()) < TIMES, f"times that each row was read: {read}"
