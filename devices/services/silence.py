"""Devices that are given up because nobody hears of them, and that come back when they speak."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet

from devices.models import Device, DeviceStatus, Enrollment, EnrollmentState
from devices.protocol.apns import Verdict
from devices.protocol.silence import (
    IGNORED_FOR,
    IGNORED_PUSHES,
    SHORTEST,
    SILENT_AFTER,
    TOKEN_DEAD_FOR,
    Silence,
    find_departure,
)
from devices.services.locks import lock_device, lock_enrollment
from devices.services.status import (
    GONE,
    IDENTITY_EXPIRED,
    IDENTITY_REVOKED,
    PROGRESS,
    mark_enrolled,
    set_status,
)
from devices.signals import device_fell_silent, device_heard_again

AT_ONCE = 500


def mark_silent(among: Q, *, now: datetime) -> int:
    """Set Not Managed what has probably left, AT_ONCE at most; return how many that were."""
    silent = _list_silent(now=now).filter(among).order_by("last_seen_at")
    pks = list(silent.values_list("pk", flat=True)[:AT_ONCE])
    return sum(_mark(pk, now=now) for pk in pks)


def _list_silent(*, now: datetime) -> QuerySet[Enrollment]:
    """Find the rows of which find_departure may say something, and few others."""
    is_unknown = Q(push_error__startswith=Verdict.UNUSABLE.value)
    is_unknown |= Q(push_error__startswith=Verdict.DEVICE_GONE.value)
    dead = Q(is_unknown, push_suspended_at__isnull=False, last_seen_at__lte=now - TOKEN_DEAD_FOR)
    ignoring = Q(
        push_attempts__gt=0,
        push_accepted__gte=IGNORED_PUSHES,
        push_unanswered_since__lte=now - IGNORED_FOR,
        push_unanswered_since__gte=F("last_seen_at"),
    )
    long_silent = Q(last_seen_at__lt=now - SILENT_AFTER)
    return Enrollment.objects.filter(
        dead | ignoring | long_silent,
        state=EnrollmentState.LIVE,
        device__status__in=PROGRESS,
        last_seen_at__lte=now - SHORTEST,
    )


@transaction.atomic
def _mark(pk: int, *, now: datetime) -> bool:
    enrollment = Enrollment.objects.filter(pk=pk).only("device_id").first()
    if enrollment is None:
        return False
    enrollment = lock_enrollment(enrollment)
    device = enrollment.device
    if enrollment.state != EnrollmentState.LIVE or device.status not in PROGRESS:
        return False
    silence = describe_silence(enrollment)
    reason = find_departure(silence, now=now) if silence else ""  # it may have spoken meanwhile
    if not reason or not set_status(device, status=DeviceStatus.NOT_MANAGED, reason=reason):
        return False
    device_fell_silent.send(Enrollment, enrollment=enrollment, message=reason)
    return True


def describe_silence(enrollment: Enrollment) -> Silence | None:
    """Return what is known of the device's silence; None where it was never heard of."""
    if enrollment.last_seen_at is None:
        return None
    error, is_dead = enrollment.push_error, enrollment.push_suspended_at is not None
    verdict, _, word = error.partition(": ")
    is_unknown = is_dead and verdict in (Verdict.UNUSABLE.value, Verdict.DEVICE_GONE.value)
    accepted = enrollment.push_accepted if enrollment.push_attempts and not is_dead else 0
    return Silence(
        heard_at=enrollment.last_seen_at,
        accepted=accepted,
        pushed_since=enrollment.push_unanswered_since if accepted else None,
        dead_token=word if is_unknown else "",
    )


def end_silence(enrollment: Enrollment) -> None:
    """A device that was given up speaks: it is enrolled as before.

    What it says has no bearing on an identity that is revoked or has expired, nor on an
    administrator's farewell. See docs/adr/0275.
    """
    if enrollment.state != EnrollmentState.LIVE or not _is_given_up(enrollment.device):
        return
    with transaction.atomic():
        device = lock_device(enrollment.device_id)
        if not _is_given_up(device):
            return
        mark_enrolled(device)
        enrollment.device = device
        device_heard_again.send(Enrollment, enrollment=enrollment)


def _is_given_up(device: Device) -> bool:
    """Whether it is only taken for gone: for its silence, or for APNs' word on its token."""
    if device.status == DeviceStatus.UNENROLLED:
        return device.status_reason.startswith(GONE)
    is_over = device.status_reason in (IDENTITY_REVOKED, IDENTITY_EXPIRED)
    return device.status == DeviceStatus.NOT_MANAGED and not is_over
