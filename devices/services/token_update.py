"""TokenUpdate: the first one makes an enrollment live, the others only say where pushes go."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from devices.models import GOING, Device, DeviceStatus, Enrollment, EnrollmentState, Group
from devices.protocol.checkin import TokenUpdate
from devices.services.locks import lock_enrollment
from devices.services.push.facts import PUSH_FACTS, note_push_facts
from devices.services.queries import queue_queries
from devices.services.removal import end_enrollment
from devices.services.sender import check_not_over
from devices.services.status import GONE, mark_enrolled
from devices.services.warnings import flag_brought_back
from devices.signals import (
    device_enrolled,
    device_group_changed,
    device_heard_again,
    device_reenrolled,
)
from organization.protocol.caller import NOBODY, Caller


@transaction.atomic
def token_update(
    enrollment: Enrollment, *, message: TokenUpdate, now: datetime, caller: Caller = NOBODY
) -> Enrollment:
    """Store the push facts; an UnlockToken comes once and stays. Raises MessageRefused.

    What a message does not tell stays as it is.
    """
    enrollment = lock_enrollment(enrollment)
    device = enrollment.device
    check_not_over(enrollment)
    told = _take_facts(enrollment, message=message, now=now)
    if enrollment.state == EnrollmentState.AUTHENTICATED:
        _make_live(enrollment, told=told, now=now, caller=caller)
        return enrollment
    enrollment.save(update_fields=told)
    if device.status == DeviceStatus.UNENROLLED and device.status_reason.startswith(GONE):
        mark_enrolled(device)
        device_heard_again.send(Enrollment, enrollment=enrollment)
    return enrollment


def _take_facts(enrollment: Enrollment, *, message: TokenUpdate, now: datetime) -> list[str]:
    """Put what the message tells into the row, and return its fields that are to be saved."""
    # The topic stays Authenticate's: a device cannot move to another push certificate.
    note_push_facts(enrollment, message=message, now=now)
    fields = [*PUSH_FACTS, "updated_at"]
    if message.unlock_token:
        enrollment.unlock_token = message.unlock_token
        fields.append("unlock_token")
    if message.awaiting_configuration is not None:
        enrollment.awaiting_configuration = message.awaiting_configuration
        fields.append("awaiting_configuration")
    return fields


def _make_live(enrollment: Enrollment, *, told: list[str], now: datetime, caller: Caller) -> None:
    group_id = enrollment.group_id
    if group_id is not None and group_id != enrollment.device.group_id:
        enrollment.group = Group.objects.filter(pk=group_id).first()  # it may be gone meanwhile
    earlier = Enrollment.objects.filter(device=enrollment.device).exclude(pk=enrollment.pk)
    before, renewed = None, False
    if earlier.exists():
        before = earlier.filter(token_update_count__gt=0).order_by("-id").first()
        renewed = _supersede(earlier, now=now)
    enrollment.state = EnrollmentState.LIVE
    enrollment.save(update_fields=[*told, "state"])
    if before is not None:
        flag_brought_back(enrollment, before=before)
    _bring_to_group_and_owner(enrollment, now=now)
    mark_enrolled(enrollment.device)
    queue_queries(enrollment)
    device_enrolled.send(Enrollment, enrollment=enrollment, renewed=renewed, caller=caller)
    if before is not None:
        device_reenrolled.send(Enrollment, enrollment=enrollment, before=before)


def _supersede(earlier: QuerySet[Enrollment], *, now: datetime) -> bool:
    """End what the device had before; return whether one of them was live."""
    live = False
    for old in earlier.filter(state__in=GOING):
        live |= old.state == EnrollmentState.LIVE
        end_enrollment(old, state=EnrollmentState.SUPERSEDED, now=now)
    return live


def _bring_to_group_and_owner(enrollment: Enrollment, *, now: datetime) -> None:
    device = enrollment.device
    device.enrolled_at = now
    changed = enrollment.group_id is not None and enrollment.group_id != device.group_id
    if changed:
        device.group_id = enrollment.group_id
    if enrollment.owner:
        device.owner, device.owner_name = enrollment.owner, enrollment.owner_name
    device.save(update_fields=["group", "owner", "owner_name", "enrolled_at", "updated_at"])
    if changed:
        device_group_changed.send(Device, device=device)
