"""What becomes of commands that are long over: first their contents go, years later the row.

The answer to one InstalledApplicationList is half a megabyte, and what was learned from it
stands beside the device.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from devices.models import (
    BulkCommand,
    Command,
    Enrollment,
    EscrowedSecret,
    ManagedApplication,
    SecretKind,
    StatusReport,
)
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
    forgotten = Command.objects.filter(FORGOTTEN, completed_at__lt=before)
    oldest = list(forgotten.order_by("completed_at").values_list("pk", flat=True)[:BATCH])
    bulks = BulkCommand.objects.filter(finished_at__lt=before)
    old_bulks = list(bulks.order_by("finished_at").values_list("pk", flat=True)[:BATCH])
    count = Command.objects.filter(pk__in=oldest).delete()[0]
    return count + BulkCommand.objects.filter(pk__in=old_bulks).delete()[0]


def forget_locations(*, now: datetime) -> int:
    """Delete where lost devices were three months ago; other secrets are kept. Returns how many."""
    told = EscrowedSecret.objects.filter(kind=SecretKind.LOCATION, created_at__lt=now - KEPT)
    return told.delete()[0]


def forget_reports(*, now: datetime) -> int:
    """Delete what devices told in enrollments that ended three months ago; returns how many rows.

    Profiles, apps with their configurations and status are true of an enrollment alone. A run
    does at most BATCH of each kind.
    """
    ended = {"enrollment__ended_at__lt": now - KEPT}
    count = 0
    for model in (StatusReport, ManagedApplication):
        rows: Any = model._default_manager.filter(**ended)
        keys = list(rows.order_by().values_list("pk", flat=True)[:BATCH])
        count += model._default_manager.filter(pk__in=keys).delete()[0]
    has_reports = Q(profiles_reported_at__isnull=False) | Q(applications_reported_at__isnull=False)
    told = Enrollment.objects.filter(has_reports, ended_at__lt=now - KEPT).order_by()
    keys = list(told.values_list("pk", flat=True)[:BATCH])
    return count + Enrollment.objects.filter(pk__in=keys).update(
        reported_profiles=[],
        profiles_reported_at=None,
        reported_applications={},
        applications_reported_at=None,
    )
