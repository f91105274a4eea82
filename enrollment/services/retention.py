"""What is deleted of enrollments that are long over: entries of the log, attempts of nobody."""

from datetime import datetime

from enrollment.models import EnrollmentSession, LogEntry

BATCH = 1000


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
