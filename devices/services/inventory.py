"""Once a day each device is asked again, at a time of its own that never changes."""

import zlib
from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from devices.models import Enrollment, EnrollmentState
from devices.services.push.announcement import gather_announcements
from devices.services.queries import forget_answers, queue_queries

ORIGIN = "inventory"
LOW = -10  # whatever else waits for the device goes first
MOST_AT_ONCE = 500  # a minute: ten times what 100,000 devices need


def ask_due(*, now: datetime) -> int:
    """Ask the devices whose time has come, those that wait longest first; return how many.

    An enrollment without a time has just begun and was asked then: it gets its time only.
    """
    is_due = Q(inventory_due_at=None) | Q(inventory_due_at__lte=now)
    live = Enrollment.objects.filter(is_due, state=EnrollmentState.LIVE)
    due = live.select_related("device__group").order_by("inventory_due_at", "id")[:MOST_AT_ONCE]
    with gather_announcements():
        return sum(_ask(enrollment, now=now) for enrollment in due)


@transaction.atomic
def _ask(enrollment: Enrollment, *, now: datetime) -> bool:
    due_at = enrollment.inventory_due_at
    next_at = plan_next(enrollment.device.public_id, now=now)
    # Two sweeps at once: one of them changes the row. One that has ended is asked nothing.
    claimed = Enrollment.objects.filter(
        pk=enrollment.pk, inventory_due_at=due_at, state=EnrollmentState.LIVE
    )
    if not claimed.update(inventory_due_at=next_at) or due_at is None:
        return False
    forget_answers(enrollment, origin=ORIGIN)
    queue_queries(enrollment, origin=ORIGIN, priority=LOW)
    return True


def plan_next(device_id: str, *, now: datetime) -> datetime:
    """Return the device's next time: every INVENTORY_INTERVAL, at an offset made of its id.

    A time that is nearly here is passed over, so that nobody is asked twice in a row.
    """
    interval = int(settings.INVENTORY_INTERVAL.total_seconds())
    offset = zlib.crc32(device_id.encode()) % interval
    elapsed = (int(now.timestamp()) - offset) % interval
    wait = interval - elapsed
    if wait < interval // 4:
        wait += interval
    return datetime.fromtimestamp(int(now.timestamp()) + wait, tz=UTC)
