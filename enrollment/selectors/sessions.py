"""Reads of enrollment sessions."""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from devices.models import DeviceStatus
from enrollment.models import EnrollmentSession, SessionState
from scep.models import HeldRequestState

ABSENT_TIME = timedelta(days=7)
"""So long an enrollment that brought no device stands beside the devices."""


def list_waiting_sessions(*, now: datetime) -> QuerySet[EnrollmentSession]:
    """Return the sessions that wait at the page for an administrator, newest first."""
    waiting = EnrollmentSession.objects.filter(
        approval=HeldRequestState.PENDING, expires_at__gt=now
    )
    return waiting.select_related("token__group")


def list_sessions() -> QuerySet[EnrollmentSession]:
    """Return the sessions, newest first, with all that their diagnosis asks for."""
    return (
        EnrollmentSession.objects.select_related(
            "token__scep_profile", "token__organization", "reported_device"
        )
        .defer("token__signing_key")
        .prefetch_related("steps")
    )


def list_absent(
    sessions: QuerySet[EnrollmentSession], *, now: datetime, status: str = ""
) -> QuerySet[EnrollmentSession]:
    """Keep those of the last ABSENT_TIME that never got as far as a device.

    `status`: Pending or Not Managed, as a device's.
    """
    absent = sessions.filter(device_id="", created_at__gt=now - ABSENT_TIME).exclude(
        state=SessionState.ENROLLED
    )
    over = Q(state__in=(SessionState.FAILED, SessionState.EXPIRED)) | Q(expires_at__lte=now)
    if status == DeviceStatus.NOT_MANAGED:
        return absent.filter(over)
    return absent.exclude(over) if status == DeviceStatus.PENDING else absent
