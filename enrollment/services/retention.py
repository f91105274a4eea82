"""What is deleted of enrollments that are long over: entries of the log, attempts of nobody."""

from datetime import datetime, timedelta

from enrollment.models import EnrollmentSession, EnrollmentToken, LogEntry

BATCH = 1000
UNUSED_KEPT = timedelta(days=90)


def delete_history(*, before: datetime) -> int:
    """Delete entries of the log, and sessions that brought no device, from before that moment.

    Returns how many rows; a run deletes at most BATCH of each kind.
    """
    entries = LogEntry.objects.filter(created_at__lt=before).order_by("created_at")
    old = list(entries.values_list("pk", flat=True)[:BATCH])
    attempts = EnrollmentSession.objects.filter(
        device_id="", created_at__lt=before, expires_at__lt=before
    )
    vain = list(attempts.order_by("created_at").values_list("pk", flat=True)[:BATCH])
    count = LogEntry.objects.filter(pk__in=old).delete()[0]
    return count + EnrollmentSession.objects.filter(pk__in=vain).delete()[0]


def forget_unused_returns(*, now: datetime) -> int:
    """Delete tokens made for erased devices that came back by another, or never; how many rows.

    A device that puts its erase off has a token of each time it took the command.
    """
    unused = EnrollmentToken.objects.filter(
        sessions__is_return=True, uses=None, expires_at__lt=now - UNUSED_KEPT
    )
    keys = list(unused.order_by().values_list("pk", flat=True)[:BATCH])
    return EnrollmentToken.objects.filter(pk__in=keys).delete()[0]
