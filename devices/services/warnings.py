"""What looks wrong about a device, for an administrator to judge; nothing is merged or refused."""

from devices.models import Device, Enrollment
from devices.services.locks import select_free

SHARED_SERIAL = "Another device has its serial number: UDID "
MANY_USERS = (
    "More than {most} users have logged in to it. Those not seen for longest have lost "
    "their channels, and what waited for them."
)
LASTING = (SHARED_SERIAL, MANY_USERS.partition("{")[0])
"""How those begin that are as true tomorrow: who has dismissed one need not do so daily."""
MOST_DISMISSED = 20


def flag_device(device: Device, *, warning: str) -> None:
    """Put the warning beside the device; the latest one stands."""
    Device.objects.filter(pk=device.pk).exclude(warning=warning).update(warning=warning)
    device.warning = warning


def list_dismissed(device: Device) -> list[str]:
    """Return what is not said of the device again once its present warning is dismissed."""
    before = [each for each in device.dismissed_warnings if each != device.warning]
    if device.warning.startswith(LASTING):
        before.append(device.warning)
    return before[-MOST_DISMISSED:]


def _flag_lasting(device: Device, *, warning: str) -> None:
    if warning not in device.dismissed_warnings:
        flag_device(device, warning=warning)


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
    _flag_lasting(device, warning=f"{SHARED_SERIAL}{first.udid}.")
    warning = f"{SHARED_SERIAL}{device.udid}."
    unflagged = select_free(others.exclude(warning__startswith=SHARED_SERIAL))
    dismissed = unflagged.values_list("pk", "dismissed_warnings")
    keys = [key for key, texts in dismissed if warning not in texts]
    Device.objects.filter(pk__in=keys).update(warning=warning)


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
    if not Device.objects.filter(pk=device.pk).exclude(warning="").exists():
        _flag_lasting(device, warning=MANY_USERS.format(most=most))
