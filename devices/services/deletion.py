"""The end of a device's record: the row goes, and with it commands, facts and kept secrets.

Sessions, certificates, the log and the audit log name the device by its id and stay.
"""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count
from django.utils import timezone

from devices.errors import StillEnrolled
from devices.models import (
    GOING,
    Command,
    Device,
    DeviceStatus,
    Enrollment,
    EnrollmentState,
    EscrowedSecret,
)
from devices.selectors import is_deletable, list_enrollments
from devices.services.identities.ended import revoke_ended_identity
from devices.services.removal import end_enrollment
from devices.services.status import set_status
from devices.signals import device_deleted
from organization.services.audit import record

DELETED = "Its record is being deleted."
TRIES = 3


def delete_device(device: Device, *, actor: str) -> None:
    """Delete the record of a device that is Unenrolled, or has never enrolled.

    Whatever of it might still speak is shut out first, its identity revoked. Raises StillEnrolled.
    """
    now = timezone.now()
    for _ in range(TRIES):
        # Three transactions: who revokes must hold no device (identities.ended).
        _shut_out(device, now=now)
        for enrollment in Enrollment.objects.filter(device=device.pk):
            revoke_ended_identity(enrollment, now=now)
        if _delete(device, actor=actor):
            return
    raise StillEnrolled("The device is enrolling at this moment.")


@transaction.atomic
def _shut_out(device: Device, *, now: datetime) -> None:
    locked = Device.objects.select_for_update(no_key=True).filter(pk=device.pk).first()
    if locked is None:
        return  # by another, who has written that down
    device = locked
    _check_deletable(device)
    going = Enrollment.objects.filter(device=device.pk, state__in=GOING)
    for enrollment in going:
        end_enrollment(enrollment, state=EnrollmentState.REMOVED, now=now)
        set_status(device, status=DeviceStatus.UNENROLLED, reason=DELETED)


def _check_deletable(device: Device) -> None:
    if not is_deletable(device):
        raise StillEnrolled("The device is enrolled. Unenroll it first.")


def _delete(device: Device, *, actor: str) -> bool:
    """Return False where something of the device has begun meanwhile."""
    try:
        with transaction.atomic():
            return _delete_locked(device.pk, actor=actor)
    except IntegrityError:  # a message that was under way has added a row of its own
        return False


def _delete_locked(pk: int, *, actor: str) -> bool:
    # Not NO KEY, as elsewhere: nobody may add rows that refer to it.
    row = Device.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        return True
    if Enrollment.objects.filter(device=row, state__in=GOING).exists():
        return False
    detail = _describe(row)
    session_id = Enrollment.objects.filter(device=row).values_list("session_id", flat=True).first()
    record(actor, action="device.delete", subject_id=row.public_id, subject=str(row), detail=detail)
    device_deleted.send(Device, device=row, session_id=session_id or "", actor=actor)
    row.delete()
    return True


def _describe(device: Device) -> dict[str, Any]:
    """Return what will be known of it no more from elsewhere."""
    kinds = EscrowedSecret.objects.filter(enrollment__device=device).order_by().values_list("kind")
    return {
        "serial_number": device.serial_number,
        "udid": device.udid,
        "name": device.name,
        "platform": device.platform,
        "owner": device.owner,
        "group": device.group.public_id if device.group else None,
        "enrolled_at": device.enrolled_at and device.enrolled_at.isoformat(),
        "last_seen_at": device.last_seen_at and device.last_seen_at.isoformat(),
        "enrollments": [
            {
                "id": each.public_id,
                "state": each.state,
                "session": each.session_id,
                "certificate_sha256": each.certificate_sha256,
            }
            for each in list_enrollments(device)
        ],
        "commands": Command.objects.filter(device=device).count(),
        "secrets": dict(kinds.annotate(number=Count("pk"))),
    }
