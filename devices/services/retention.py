"""What becomes of commands that are long over: the row stays as history, its contents go.

The answer to one InstalledApplicationList is half a megabyte, and what was learned from it
stands beside the device.
"""

from datetime import datetime, timedelta

from devices.models import Command

KEPT = timedelta(days=90)
BATCH = 1000
# The PIN in their bodies may be the only way back into a Mac.
WITH_PIN = ("DeviceLock", "EraseDevice")


def forget_contents(*, now: datetime) -> int:
    """Empty bodies and results of commands that were over 90 days ago, the oldest first.

    Returns how many; a run does at most BATCH.
    """
    old = Command.objects.filter(completed_at__lte=now - KEPT, forgotten_at=None)
    keys = list(old.order_by("completed_at").values_list("pk", flat=True)[:BATCH])
    rows = Command.objects.filter(pk__in=keys)
    rows.exclude(request_type__in=WITH_PIN).update(body=b"")
    return rows.update(result={}, forgotten_at=now)
