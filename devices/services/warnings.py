"""What looks wrong about a device, for an administrator to judge; nothing is merged or refused."""

from devices.models import Device, Enrollment
from devices.services.locks import select_free

SHARED_SERIAL = "Another device has its serial number: UDID "


def flag_device(device: Device, *, warning: str) -> None:
    """Put the warning beside the device; the latest one stands."""
    Device.objects.filter(pk=device.pk).exclude(warning=warning).update(warning=warning)
    device.warning = warning


def flag_shared_serial(device: Device) -> None:
    """A serial number under two UDIDs: a new logic board, or a clone; the device's row is held.

    Those that have no such warning yet get one, but for what another message holds: it may wait
    for this device. They find this one by their own next answer.
    """
    if not device.serial_number:
        return
    others = Device.objects.filter(serial_number=device.serial_number).exclude(pk=device.pk)
    first = others.order_by("pk").only("udid").first()
    if first is None:
        return
    flag_device(device, warning=f"{SHARED_SERIAL}{first.udid}.")
    unflagged = select_free(others.exclude(warning__startswith=SHARED_SERIAL))
    keys = list(unflagged.values_list("pk", flat=True))
    Device.objects.filter(pk__in=keys).update(warning=f"{SHARED_SERIAL}{device.udid}.")


def flag_brought_back(enrollment: Enrollment, *, before: Enrollment) -> None:
    """A device that an administrator has moved is taken by its new enrollment to another group.

    What else looks wrong about it is worse than that, and stays.
    """
    device, group = enrollment.device, enrollment.group
    is_moved = device.group is not None and device.group_id != before.group_id
    if is_moved and group is not None and group != device.group and not device.warning:
        flag_device(
            device,
            warning=f"It was moved to the group “{device.group}”; enrolling again has brought it "
            f"to “{group}”."[:255],
        )


def flag_many_users(device: Device, *, most: int) -> None:
    """What else looks wrong about the device is worse than that, and stays."""
    warning = (
        f"More than {most} users have logged in to it. Those not seen for longest have lost "
        "their channels, and what waited for them."
    )
    if not Device.objects.filter(pk=device.pk).exclude(warning="").exists():
        flag_device(device, warning=warning)
