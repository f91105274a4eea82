"""Whose a row of the enrollment is."""

from collections.abc import Sequence

from devices.models import Device
from enrollment.models import EnrollmentSession, Invitation, LogEntry

DEVICE_NAMES = ("public_id", "name", "serial_number", "udid")


def put_devices(rows: Sequence[LogEntry | EnrollmentSession | Invitation]) -> None:
    """Put on each row, as `device`, whose it is; None where nobody knows or it is gone.

    Entries from before the check-in name a session alone, which tells the device later.
    """
    keys = {row.session_id for row in rows if isinstance(row, LogEntry) and not row.device_id}
    sessions = EnrollmentSession.objects.filter(public_id__in=keys - {""}).exclude(device_id="")
    told = dict(sessions.values_list("public_id", "device_id"))
    ids = {row.pk: row.device_id or told.get(getattr(row, "session_id", ""), "") for row in rows}
    wanted = Device.objects.filter(public_id__in=set(ids.values()) - {""})
    devices = {device.public_id: device for device in wanted.only(*DEVICE_NAMES)}
    for row in rows:
        row.device = devices.get(ids[row.pk])  # type: ignore[union-attr]
