"""When a device was last heard of, to the minute: a write for each message would be too many."""

from datetime import datetime, timedelta

from django.db import transaction

from devices.models import Device, Enrollment
from devices.services.silence import end_silence
from devices.signals import device_connected
from organization.protocol.caller import Caller

RESOLUTION = timedelta(minutes=1)


def note_presence(enrollment: Enrollment, *, now: datetime) -> None:
    """The device is here: remember it, and forget that pushes went unanswered."""
    if enrollment.push_attempts and not enrollment.push_error:
        Enrollment.objects.filter(pk=enrollment.pk).update(push_attempts=0, push_not_before=None)
    end_silence(enrollment)
    seen = enrollment.last_seen_at
    if seen is None or seen <= now - RESOLUTION:
        Enrollment.objects.filter(pk=enrollment.pk).update(last_seen_at=now)
        Device.objects.filter(pk=enrollment.device_id).update(last_seen_at=now)


@transaction.atomic
def note_first_connection(enrollment: Enrollment, *, now: datetime, caller: Caller) -> None:
    """The device has come for its first command; of two at once, one is the first."""
    first = Enrollment.objects.filter(pk=enrollment.pk, connected_at=None).update(connected_at=now)
    if first:
        enrollment.connected_at = now
        device_connected.send(Enrollment, enrollment=enrollment, caller=caller, now=now)
