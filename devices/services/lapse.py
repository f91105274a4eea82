"""Devices that are managed no longer though nobody said so, and why."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from devices.models import DeviceStatus, Enrollment, EnrollmentState
from devices.services.identities.renewal import end_renewal
from devices.services.locks import lock_device
from devices.services.silence import mark_silent
from devices.services.status import IDENTITY_EXPIRED, IDENTITY_REVOKED, PROGRESS, set_status
from organization.services.rounds import take_portion

# Authenticate and TokenUpdate are seconds apart; an enrollment's session lives an hour.
INCOMPLETE_AFTER = timedelta(hours=1)
INCOMPLETE = "It started to enroll and was not heard of again."
AT_ONCE, PORTION = 500, 5000
# One that is Not Managed for its silence comes back when it speaks; with an expired identity it
# cannot, and has to be enrolled again.
MAY_EXPIRE = Q(device__status__in=PROGRESS) | Q(
    ~Q(device__status_reason__in=(IDENTITY_REVOKED, IDENTITY_EXPIRED)),
    device__status=DeviceStatus.NOT_MANAGED,
)


def mark_identity_revoked(certificate_sha256: str) -> None:
    """The device whose live enrollment is pinned to this certificate is Not Managed from now on."""
    _mark_each(_live().filter(certificate_sha256=certificate_sha256), reason=IDENTITY_REVOKED)


def mark_lapsed(*, now: datetime) -> int:
    """Set Not Managed, with the reason, where an identity expired or a device fell silent.

    Returns how many devices that were. A run looks at a portion of all enrollments, in rounds.
    """
    portion = take_portion("lapsed", Enrollment.objects.all(), size=PORTION)
    expired = _live().filter(portion, MAY_EXPIRE, certificate_not_after__lt=now)
    young = Enrollment.objects.filter(created_at__gte=now - INCOMPLETE_AFTER).order_by()
    incomplete = Enrollment.objects.filter(
        portion,
        ~Exists(young.filter(device=OuterRef("device"))),  # it has begun again since
        state=EnrollmentState.AUTHENTICATED,
        created_at__lt=now - INCOMPLETE_AFTER,
        device__status=DeviceStatus.PENDING,
    )
    lapsed = _mark_each(expired, reason=IDENTITY_EXPIRED)
    return lapsed + _mark_each(incomplete, reason=INCOMPLETE) + mark_silent(portion, now=now)


def _mark_each(lapsed: QuerySet[Enrollment], *, reason: str) -> int:
    keys = list(lapsed.values_list("pk", "device_id")[:AT_ONCE])
    return sum(
        _mark_lapsed(lapsed.filter(pk=pk), device_id=device_id, reason=reason)
        for pk, device_id in keys
    )


@transaction.atomic
def _mark_lapsed(lapsed: QuerySet[Enrollment], *, device_id: int, reason: str) -> bool:
    """The device may have spoken since it was found, and with another identity."""
    device = lock_device(device_id)
    enrollment = lapsed.first()
    if enrollment is None:
        return False
    changed = set_status(device, status=DeviceStatus.NOT_MANAGED, reason=reason)
    if changed and reason == IDENTITY_EXPIRED:
        end_renewal(enrollment)
    return changed


def _live() -> QuerySet[Enrollment]:
    return Enrollment.objects.filter(state=EnrollmentState.LIVE)
