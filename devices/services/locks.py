"""The order in which rows are locked: the device, then its enrollment, then what belongs to it.

Whoever writes to more than one of them takes the device first, so that no two wait for each
other. NO KEY lets others add rows that refer to them meanwhile. Whoever pins an identity holds its
certificate before the device, which an Authenticate may not have yet (identities.renewed).

A statement over the rows of many devices locks them in whatever order it meets them, so it takes
those alone that nobody holds, and leaves the others for its next run.
"""

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet

from devices.errors import NotEnrolled
from devices.models import Device, Enrollment, EnrollmentState
from devices.selectors import get_live_enrollment
from organization.models import Given, PreparedSelect

DEVICE = PreparedSelect(
    lambda: Device.objects.select_for_update(no_key=True).filter(pk=Given("pk")).order_by()
)
ENROLLMENT = PreparedSelect(
    lambda: Enrollment.objects.select_for_update(no_key=True).filter(pk=Given("pk")).order_by()
)


def lock_device(pk: int) -> Device:
    """Return the device's row, locked until the transaction ends; raises Device.DoesNotExist."""
    device = DEVICE.first(pk=pk)
    if device is None:
        raise Device.DoesNotExist
    return device


def hold_device(device: Device) -> None:
    """Hold the row of a device that was read before; raises NotEnrolled where it was deleted."""
    try:
        lock_device(device.pk)
    except Device.DoesNotExist as error:
        raise NotEnrolled(f"{device} was deleted") from error


def lock_enrollment(enrollment: Enrollment) -> Enrollment:
    """Return the row as it is now, both it and its `device` locked until the transaction ends.

    Raises Device.DoesNotExist, or Enrollment.DoesNotExist.
    """
    device = lock_device(enrollment.device_id)
    locked = ENROLLMENT.first(pk=enrollment.pk)
    if locked is None:
        raise Enrollment.DoesNotExist
    locked.device = device
    return locked


def lock_live_enrollment(device: Device) -> Enrollment:
    """Return the device's live enrollment, locked, so that two askers see each other's command.

    Nothing is queued for one that ends at this moment: raises NotEnrolled.
    """
    try:
        enrollment = lock_enrollment(get_live_enrollment(device))
    except ObjectDoesNotExist as error:
        raise NotEnrolled(f"{device} was deleted") from error
    if enrollment.state != EnrollmentState.LIVE:
        raise NotEnrolled(f"{device} is not enrolled")
    return enrollment


def select_free(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the keys of those rows that nobody holds, for a subquery that locks them."""
    free = rows.order_by().select_for_update(skip_locked=True, no_key=True, of=("self",))
    return free.values("pk")
