"""Devices that are managed no longer though nobody said so, and why."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from devices.models import Device, DeviceStatus, Enrollment, EnrollmentState
from devices.services.status import PROGRESS, mark_enrolled, set_status

# A device that is switched on is heard of at each push; a month is a long holiday.
SILENT_AFTER = timedelta(days=30)
# Authenticate and TokenUpdate are seconds apart; an enrollment's session lives an hour.
INCOMPLETE_AFTER = timedelta(hours=1)


def mark_identity_revoked(certificate_sha256: str) -> None:
    """The device whose live enrollment is pinned to this certificate is Not Managed from now on."""
    enrollment = _live().filter(certificate_sha256=certificate_sha256).first()
    if enrollment is not None:
        _mark(enrollment.device, reason="Its identity certificate was revoked; enroll it again.")


def mark_lapsed(*, now: datetime) -> int:
    """Set Not Managed, with the reason, where an identity expired or a device fell silent.

    Returns how many devices that were.
    """
    in_progress = _live().filter(device__status__in=PROGRESS)
    expired = in_progress.filter(certificate_not_after__lt=now)
    silent = in_progress.filter(last_seen_at__lt=now - SILENT_AFTER)
    incomplete = Enrollment.objects.filter(
        state=EnrollmentState.AUTHENTICATED,
        created_at__lt=now - INCOMPLETE_AFTER,
        device__status=DeviceStatus.PENDING,
    )
    lapsed = 0
    for enrollments, reason in (
        (expired, "Its identity certificate expired; enroll it again."),
        (silent, f"Not heard of for {SILENT_AFTER.days} days."),
        (incomplete, "It started to enroll and was not heard of again."),
    ):
        for enrollment in enrollments.select_related("device").iterator():
            lapsed += _mark(enrollment.device, reason=reason)
    return lapsed


def end_silence(enrollment: Enrollment, *, now: datetime) -> None:
    """A device that was given up for silence speaks again: it is enrolled as before."""
    seen = enrollment.last_seen_at
    if enrollment.state != EnrollmentState.LIVE or seen is None or seen > now - SILENT_AFTER:
        return
    device = Device.objects.get(pk=enrollment.device_id)
    if device.status == DeviceStatus.NOT_MANAGED:
        mark_enrolled(device)


def _live() -> QuerySet[Enrollment]:
    return Enrollment.objects.filter(state=EnrollmentState.LIVE).select_related("device")


def _mark(device: Device, *, reason: str) -> bool:
    return set_status(device, status=DeviceStatus.NOT_MANAGED, reason=reason)
