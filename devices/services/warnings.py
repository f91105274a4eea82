"""What looks wrong about a device, for an administrator to judge; nothing is merged or refused."""

from devices.models import Device


def flag_device(device: Device, *, warning: str) -> None:
    """Put the warning beside the device; the latest one stands."""
    Device.objects.filter(pk=device.pk).exclude(warning=warning).update(warning=warning)
    device.warning = warning


def flag_shared_serial(device: Device) -> None:
    """A serial number under two UDIDs: a new logic board, or a clone."""
    if not device.serial_number:
        return
    others = Device.objects.filter(serial_number=device.serial_number).exclude(pk=device.pk)
    for other in others:
        flag_device(other, warning=f"Another device has its serial number: UDID {device.udid}.")
        flag_device(device, warning=f"Another device has its serial number: UDID {other.udid}.")
