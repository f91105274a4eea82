"""What becomes of commands that are long over: first their contents go, years later the row.

The answer to one InstalledApplicationList is half a megabyte, and what was learned from it
stands beside the device.
"""

from datetime import datetime, timedelta

from devices.models import BulkCommand, Command, EscrowedSecret, SecretKind
from devices.models.command import FORGOTTEN, WITH_PIN

KEPT = timedelta(days=90)
BATCH = 1000


def forget_contents(*, now: datetime) -> int:
    """Empty bodies and results of commands that were over 90 days ago, the oldest first.

    Returns how many; a run does at most BATCH.
    """
    old = Command.objects.filter(completed_at__lte=now - KEPT, forgotten_at=None)
    keys = list(old.order_by("completed_at").values_list("pk", flat=True)[:BATCH])
    rows = Command.objects.filter(pk__in=keys)
    rows.exclude(request_type__in=WITH_PIN).update(body=b"")
    return rows.update(result={}, forgotten_at=now)


def delete_commands(*, before: datetime) -> int:
    """Delete what was over before that moment, the oldest first, but no PIN; returns how many.

    A run deletes at most BATCH of each table.
    """
    forgotten = Command.objects.filter(FORGOTTEN, forgotten_at__lt=before + KEPT)
    oldest = list(forgotten.order_by("forgotten_at").values_list("pk", flat=True)[:BATCH])
    bulks = BulkCommand.objects.filter(finished_at__lt=before)
    old_bulks = list(bulks.order_by("finished_at").values_list("pk", flat=True)[:BATCH])
    count = Command.objects.filter(pk__in=oldest).delete()[0]
    return count + BulkCommand.objects.filter(pk__in=old_bulks).delete()[0]


def forget_locations(*, now: datetime) -> int:
    """Delete where lost devices were three months ago; other secrets are kept. Returns how many."""
    told = EscrowedSecret.objects.filter(kind=SecretKind.LOCATION, created_at__lt=now - KEPT)
    return told.delete()[0]
