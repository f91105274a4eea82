"""How many devices there are, of several kinds; kept for some seconds where there are many."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Case, Count, When
from django.db.models.functions import TruncDate
from django.utils import timezone

from devices.models import Device, DeviceStatus
from organization.selectors import Counts

COUNTED_DAYS = 30


def _count_by_status() -> Iterable[tuple[str, int]]:
    return Device.objects.order_by().values_list("status").annotate(Count("id"))


def get_start_of_days(count: int) -> datetime:
    """Return when the first of the last `count` days began (UTC, whoever asks), today the last."""
    first = timezone.now().date() - timedelta(days=count - 1)
    return datetime.combine(first, time.min, tzinfo=UTC)


def _count_by_platform_and_day() -> Iterable[tuple[tuple[bool, str, date | None], int]]:
    """One reading of all devices for everything that the dashboard draws."""
    midnight = get_start_of_days(COUNTED_DAYS)
    # UTC: the counts are kept for everybody.
    day = Case(When(enrolled_at__gte=midnight, then=TruncDate("enrolled_at", tzinfo=UTC)))
    is_left = Case(When(status=DeviceStatus.UNENROLLED, then=True), default=False)
    rows = Device.objects.order_by().values_list(is_left, "platform", day)
    for *kind, count in rows.annotate(Count("id")):
        yield tuple(kind), count


def _count_by_group() -> Iterable[tuple[int, int]]:
    here = Device.objects.order_by().exclude(status=DeviceStatus.UNENROLLED)
    return here.exclude(group=None).values_list("group").annotate(Count("id"))


_by_status = Counts(_count_by_status)
_by_group = Counts(_count_by_group)
_by_platform_and_day = Counts(_count_by_platform_and_day)


def count_devices_by_status() -> dict[str, int]:
    """Return the number of devices for every DeviceStatus.

    Of more than 10,000 devices it may be ten seconds old, and another process's be another one.
    So with what the next three return.
    """
    return dict.fromkeys(DeviceStatus.values, 0) | _by_status.get()


def count_devices_by_group() -> Counter[int]:
    """Return the number of each group's devices that are not unenrolled, by the group's key."""
    return _by_group.get()


def count_devices_by_platform() -> Counter[str]:
    """Return the number of devices of each Platform, without those that are unenrolled."""
    counts: Counter[str] = Counter()
    for (is_left, platform, _), count in _by_platform_and_day.get().items():
        counts[platform] += 0 if is_left else count
    return counts


def count_devices_by_day() -> Counter[date]:
    """Return how many devices enrolled on each of the last COUNTED_DAYS days (UTC)."""
    counts: Counter[date] = Counter()
    for (_, _, day), count in _by_platform_and_day.get().items():
        if day is not None:
            counts[day] += count
    return counts
