"""What administrators and programs do to a device; each leaves an audit entry."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from devices.errors import CommandInvalid, CommandNotObeyable, CommandOver, WarningGone
from devices.models import Command, Device, DeviceStatus, EnrollmentState, Group
from devices.protocol.commands import OUTRANKING, build_remove_profile
from devices.selectors import find_enrollment_profile, get_command_body, get_live_enrollment
from devices.services.checked_commands import enqueue_checked
from devices.services.escrow import forget_untold
from devices.services.locks import hold_device, lock_live_enrollment
from devices.services.push.requests import insist_on_push
from devices.services.push.stops import find_obstacle
from devices.services.queries import find_right_refusal, queue_queries, queue_questions
from devices.services.queue import cancel, cancel_commands, enqueue
from devices.services.removal import end_enrollment
from devices.services.status import set_status
from devices.services.warnings import list_dismissed
from devices.signals import device_group_changed
from organization.services.audit import record

REMOVED = "Removed by an administrator."
LONGEST_LIFETIME = timedelta(days=366)


def queue_command(
    device: Device,
    *,
    request_type: str,
    parameters: dict[str, Any],
    actor: str,
    user: str = "",
    expires_at: datetime | None = None,
) -> Command:
    """Queue one command of the table; returns the waiting one where one is enough.

    `request_type` is `Settings.<Item>` for a setting. What the server itself knows is added,
    and secrets that it makes are kept. It goes to the channel of a `user` (`usr_…`), or to the
    device's, and is not handed out after `expires_at`; by default the RequestType decides.
    Raises NotEnrolled, CommandNotObeyable with the reason, and CommandInvalid for what the table
    or the platform refuses.
    """
    _check_expiry(expires_at)
    with transaction.atomic():
        row = enqueue_checked(
            device,
            name=request_type,
            parameters=parameters,
            origin=actor,
            user=user,
            expires_at=expires_at,
        )
        detail = {"command": row.public_id} | ({"user": user} if user else {})
        _record(device, actor=actor, action=f"command.{request_type}", detail=detail)
    return row


def _check_expiry(expires_at: datetime | None) -> None:
    now = timezone.now()
    if expires_at is not None and not now < expires_at <= now + LONGEST_LIFETIME:
        raise CommandInvalid("expires_at must lie in the next 366 days", field="expires_at")


@transaction.atomic
def refresh(device: Device, *, actor: str) -> None:
    """Ask the device for everything it reports about itself; raises NotEnrolled."""
    enrollment = lock_live_enrollment(device)
    queue_queries(enrollment, origin=actor)
    queue_questions(enrollment, names=["managed_apps"], origin=actor)
    _record(device, actor=actor, action="device.refresh")


@transaction.atomic
def ask(device: Device, *, facts: str, actor: str) -> None:
    """Ask for one of queries.QUESTIONS, unless it is on its way.

    Raises NotEnrolled, and CommandNotObeyable where the enrollment profile has no right to ask.
    """
    enrollment = lock_live_enrollment(device)
    if refusal := find_right_refusal(enrollment, name=facts):
        raise CommandNotObeyable(refusal)
    queue_questions(enrollment, names=[facts], origin=actor)
    _record(device, actor=actor, action="device.ask", detail={"facts": facts})


def reveal_pin(command: Command, *, actor: str) -> str:
    """Return the PIN of a lock or erase command; raises CommandInvalid when it has none."""
    pin = get_command_body(command).get("PIN", "")
    if not pin:
        raise CommandInvalid("this command has no PIN")
    detail = {"command": command.public_id}
    _record(command.enrollment.device, actor=actor, action="pin.reveal", detail=detail)
    return str(pin)


@transaction.atomic
def cancel_command(command: Command, *, actor: str) -> Command:
    """Take back what is not answered yet; raises CommandOver.

    A device that has been handed it may obey all the same; then its answer is noted.
    """
    was_open = cancel(command, now=timezone.now())
    command.refresh_from_db(fields=["state", "completed_at", "sent_at"])
    if not was_open:
        state = command.get_state_display().lower()
        raise CommandOver(f"{command.request_type} is over already: {state}.")
    if command.sent_at is None:
        forget_untold([command.uuid])
    detail = {"command": command.public_id}
    _record(command.enrollment.device, actor=actor, action="command.cancel", detail=detail)
    return command


@transaction.atomic
def update_device(
    device: Device,
    *,
    name: str | None = None,
    owner: str | None = None,
    group: Group | None = None,
    actor: str,
) -> None:
    """Change what is given of what people say about a device: all of it, or nothing."""
    if name is not None:
        _rename(device, name=name, actor=actor)
    if owner is not None:
        _assign_owner(device, owner=owner, actor=actor)
    if group is not None:
        assign_group(device, group=group, actor=actor)


@transaction.atomic
def assign_group(device: Device, *, group: Group, actor: str) -> None:
    """Move the device to another group, whose policies follow."""
    if device.group_id == group.pk:
        return
    hold_device(device)
    device.group = group
    device.save(update_fields=["group", "updated_at"])
    device_group_changed.send(Device, device=device)
    _record(device, actor=actor, action="device.group", detail={"group": group.public_id})


def _rename(device: Device, *, name: str, actor: str) -> None:
    """Change the name shown here; the device's own replaces it with its next answer."""
    if device.name == name:
        return
    hold_device(device)
    device.name = name
    device.save(update_fields=["name", "updated_at"])
    _record(device, actor=actor, action="device.rename")


def _assign_owner(device: Device, *, owner: str, actor: str) -> None:
    """Note who uses the device; the name that came with another owner goes."""
    if device.owner == owner:
        return
    hold_device(device)
    device.owner, device.owner_name = owner, ""
    device.save(update_fields=["owner", "owner_name", "updated_at"])
    _record(device, actor=actor, action="device.owner", detail={"owner": owner})


@transaction.atomic
def dismiss_warning(device: Device, *, warning: str, actor: str) -> None:
    """Take away the warning that somebody has read; raises WarningGone where it is another one.

    The next sign of other trouble writes another, which stays until it was read, too.
    """
    hold_device(device)
    device.refresh_from_db(fields=["warning", "dismissed_warnings"])
    if not warning or device.warning != warning:
        raise WarningGone("That warning is no longer there.")
    device.dismissed_warnings, device.warning = list_dismissed(device), ""
    device.save(update_fields=["warning", "dismissed_warnings", "updated_at"])
    detail = {"warning": warning}
    _record(device, actor=actor, action="device.dismiss_warning", detail=detail)


@transaction.atomic
def unenroll(device: Device, *, actor: str) -> None:
    """Take the device out of management; raises NotEnrolled.

    The device is told to remove the profile that enrolled it, which takes everything with
    it that was installed through it. A device that has not reported that profile is shut
    out instead.
    """
    enrollment = lock_live_enrollment(device)
    cancel_commands(enrollment)
    identifier = find_enrollment_profile(enrollment)
    if identifier:
        farewell = build_remove_profile(identifier)
        enqueue(enrollment, command=farewell, origin=actor, priority=OUTRANKING)
    else:
        end_enrollment(enrollment, state=EnrollmentState.REMOVED, now=timezone.now())
    set_status(device, status=DeviceStatus.UNENROLLED, reason=REMOVED)
    _record(device, actor=actor, action="device.unenroll")


def push_now(device: Device, *, actor: str) -> str:
    """Wake the device, also when nothing waits for it; return why it has to wait, or "".

    Raises NotEnrolled.
    """
    with transaction.atomic():
        enrollment = get_live_enrollment(device)
        insist_on_push(enrollment)
        _record(device, actor=actor, action="device.push")
    return find_obstacle(enrollment, now=timezone.now())


def _record(
    device: Device, *, actor: str, action: str, detail: dict[str, Any] | None = None
) -> None:
    record(actor, action=action, subject_id=device.public_id, subject=str(device), detail=detail)
