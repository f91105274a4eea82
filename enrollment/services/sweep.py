"""What no message tells: sessions that went silent, sessions whose hour is over."""

from datetime import datetime, timedelta

from django.db import transaction

from enrollment.models import EnrollmentSession, SessionState
from enrollment.services.log import write_entry

SILENT_AFTER = timedelta(minutes=15)
BATCH = 500
HEARD_LITTLE = (SessionState.PROFILE_DOWNLOADED, SessionState.CERTIFICATE_ISSUED)


def report_silent_sessions(*, now: datetime) -> int:
    """Log each session once whose profile left 15 minutes ago without a device; returns how many.

    The conditional UPDATE is what makes it once, however many sweeps run at a time.
    """
    silent = EnrollmentSession.objects.filter(
        state__in=HEARD_LITTLE, silent_reported_at=None, updated_at__lte=now - SILENT_AFTER
    ).select_related("token")
    return sum(_report(session, now=now) for session in silent[:BATCH])


def expire_sessions(*, now: datetime) -> int:
    """End sessions that enrolled nothing within their hour; returns how many."""
    return EnrollmentSession.objects.filter(
        state__in=(SessionState.WAITING, *HEARD_LITTLE), expires_at__lte=now
    ).update(state=SessionState.EXPIRED, updated_at=now)


@transaction.atomic
def _report(session: EnrollmentSession, *, now: datetime) -> bool:
    is_first = EnrollmentSession.objects.filter(
        pk=session.pk, silent_reported_at=None, state__in=HEARD_LITTLE
    ).update(silent_reported_at=now)
    if is_first:
        write_entry("enrollment_silent", session=session)
    return bool(is_first)
