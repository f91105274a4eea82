"""What the console says of a device, and why; every change of it is news."""

from django.db.models import QuerySet

from devices.models import Device, DeviceStatus
from devices.signals import device_status_changed

# How the reason begins why a device is Unenrolled whose token APNs has refused; it has not left
# if it speaks.
GONE = "Apple's push service says that the device has left"
IDENTITY_REVOKED = "Its identity certificate was revoked; enroll it again."
IDENTITY_EXPIRED = "Its identity certificate expired; enroll it again."
PROGRESS = (DeviceStatus.ENROLLED, DeviceStatus.MANAGED)


def set_status(device: Device, *, status: str, reason: str = "") -> bool:
    """Write the status and return whether it is another one; the row is `device`'s own.

    Enrolled and Managed tell how far an enrolled device is. They are not written over
    Pending, Not Managed and Unenrolled, which the device itself ends: mark_enrolled.
    """
    rows = Device.objects.filter(pk=device.pk)
    if status in PROGRESS:
        rows = rows.filter(status__in=PROGRESS)
    return _write(rows, device, status=status, reason=reason)


def mark_enrolled(device: Device) -> bool:
    """The device has an enrollment again; a Managed one stays Managed."""
    rows = Device.objects.filter(pk=device.pk).exclude(status=DeviceStatus.MANAGED)
    return _write(rows, device, status=DeviceStatus.ENROLLED, reason="")


def _write(rows: QuerySet[Device], device: Device, *, status: str, reason: str) -> bool:
    reason = reason[:255]
    changed = rows.exclude(status=status, status_reason=reason).update(
        status=status, status_reason=reason
    )
    if not changed:
        return False
    device.status, device.status_reason = status, reason
    device_status_changed.send(Device, device=device)
    return True
