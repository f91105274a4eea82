"""What administrators and programs do to a device; each leaves an audit entry."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from devices.errors import CommandInvalid
from devices.models import (
    Command,
    CommandState,
    Device,
    DeviceStatus,
    Enrollment,
    EnrollmentState,
    Group,
)
from devices.protocol.commands import (
    OUTRANKING,
    build_command,
    build_managed_application_list,
    build_remove_profile,
    generate_pin,
    get_command_type,
)
from devices.protocol.platform import MACOS
from devices.selectors import (
    OPEN_STATES,
    find_enrollment_profile,
    find_waiting_command,
    get_command_body,
    get_live_enrollment,
)
from devices.services.erase import ERASE, check_erase, supersede_erase
from devices.services.push_requests import insist_on_push
from devices.services.queries import queue_queries
from devices.services.queue import cancel_commands, enqueue
from devices.services.removal import end_enrollment
from devices.services.status import set_status
from devices.signals import device_group_changed
from organization.services.audit import record

REMOVED = "Removed by an administrator."


def queue_command(
    device: Device, *, request_type: str, parameters: dict[str, Any], actor: str
) -> Command:
    """Queue one command of the table; returns the waiting one where one is enough.

    Raises NotEnrolled, and CommandInvalid for what the table or the platform refuses.
    """
    kind = get_command_type(request_type)
    command = build_command(request_type, platform=device.platform, parameters=parameters)
    if request_type == ERASE:
        check_erase(device, body=command)
    with transaction.atomic():
        enrollment = _lock_live_enrollment(device)
        row = (
            find_waiting_command(enrollment, request_type=request_type) if kind.is_unique else None
        )
        if row is not None and request_type == ERASE:
            row = supersede_erase(row, body=command)
        if row is None:
            row = enqueue(enrollment, command=command, origin=actor, priority=kind.priority)
        detail = {"command": row.public_id}
        _record(device, actor=actor, action=f"command.{request_type}", detail=detail)
    return row


@transaction.atomic
def refresh(device: Device, *, actor: str) -> None:
    """Ask the device for everything it reports about itself; raises NotEnrolled."""
    enrollment = _lock_live_enrollment(device)
    queue_queries(enrollment, origin=actor)
    if find_waiting_command(enrollment, request_type="ManagedApplicationList") is None:
        enqueue(enrollment, command=build_managed_application_list(), origin=actor)
    _record(device, actor=actor, action="device.refresh")


def lock(
    device: Device, *, pin: str = "", message: str = "", phone_number: str = "", actor: str
) -> Command:
    """Lock at once, before everything that waits.

    A Mac gets a PIN, a random one where none is given; it stays sealed in the command:
    reveal_pin. Raises NotEnrolled and CommandInvalid.
    """
    if device.platform == MACOS and not pin:
        pin = generate_pin()
    parameters = {"pin": pin, "message": message, "phone_number": phone_number}
    return queue_command(device, request_type="DeviceLock", parameters=parameters, actor=actor)


def erase(device: Device, *, pin: str = "", actor: str, **parameters: Any) -> Command:
    """Erase at once, before everything that waits; a Mac's PIN as for lock.

    `parameters` are those of build_erase_device.
    """
    if device.platform == MACOS and not pin:
        pin = generate_pin()
    parameters |= {"pin": pin}
    return queue_command(device, request_type=ERASE, parameters=parameters, actor=actor)


def restart(device: Device, *, actor: str) -> Command:
    """Raises NotEnrolled."""
    return queue_command(device, request_type="RestartDevice", parameters={}, actor=actor)


def reveal_pin(command: Command, *, actor: str) -> str:
    """Return the PIN of a lock or erase command; raises CommandInvalid when it has none."""
    pin = get_command_body(command).get("PIN", "")
    if not pin:
        raise CommandInvalid("this command has no PIN")
    detail = {"command": command.public_id}
    _record(command.enrollment.device, actor=actor, action="pin.reveal", detail=detail)
    return str(pin)


@transaction.atomic
def cancel_command(command: Command, *, actor: str) -> bool:
    """Take back what is not answered yet; return whether it was still there to take."""
    waiting = Command.objects.filter(pk=command.pk, state__in=OPEN_STATES)
    cancelled = bool(waiting.update(state=CommandState.CANCELLED, not_before=None))
    if cancelled:
        detail = {"command": command.public_id}
        _record(command.enrollment.device, actor=actor, action="command.cancel", detail=detail)
    return cancelled


@transaction.atomic
def assign_group(device: Device, *, group: Group, actor: str) -> None:
    """Move the device to another group, whose policies follow."""
    if device.group_id == group.pk:
        return
    device.group = group
    device.save(update_fields=["group", "updated_at"])
    device_group_changed.send(Device, device=device)
    _record(device, actor=actor, action="device.group", detail={"group": group.public_id})


@transaction.atomic
def rename(device: Device, *, name: str, actor: str) -> None:
    """Change the name shown here; the device's own replaces it with its next answer."""
    device.name = name
    device.save(update_fields=["name", "updated_at"])
    _record(device, actor=actor, action="device.rename")


@transaction.atomic
def assign_owner(device: Device, *, owner: str, actor: str) -> None:
    """Note who uses the device."""
    device.owner = owner
    device.save(update_fields=["owner", "updated_at"])
    _record(device, actor=actor, action="device.owner", detail={"owner": owner})


@transaction.atomic
def dismiss_warning(device: Device, *, actor: str) -> None:
    """An administrator has looked at it; the next sign of trouble writes another."""
    detail = {"warning": device.warning}
    device.warning = ""
    device.save(update_fields=["warning", "updated_at"])
    _record(device, actor=actor, action="device.dismiss_warning", detail=detail)


@transaction.atomic
def unenroll(device: Device, *, actor: str) -> None:
    """Take the device out of management; raises NotEnrolled.

    The device is told to remove the profile that enrolled it, which takes everything with
    it that was installed through it. A device that has not reported that profile is shut
    out instead.
    """
    enrollment = _lock_live_enrollment(device)
    cancel_commands(enrollment)
    identifier = find_enrollment_profile(enrollment)
    if identifier:
        farewell = build_remove_profile(identifier)
        enqueue(enrollment, command=farewell, origin=actor, priority=OUTRANKING)
    else:
        end_enrollment(enrollment, state=EnrollmentState.REMOVED, now=timezone.now())
    set_status(device, status=DeviceStatus.UNENROLLED, reason=REMOVED)
    _record(device, actor=actor, action="device.unenroll")


def push_now(device: Device, *, actor: str) -> None:
    """Wake the device, also when nothing waits for it; raises NotEnrolled."""
    with transaction.atomic():
        enrollment = get_live_enrollment(device)
        insist_on_push(enrollment)
        _record(device, actor=actor, action="device.push")


def _lock_live_enrollment(device: Device) -> Enrollment:
    """Return the live enrollment, its row locked, so that two askers see each other's command."""
    enrollment = get_live_enrollment(device)
    return Enrollment.objects.select_for_update().select_related("device").get(pk=enrollment.pk)


def _record(
    device: Device, *, actor: str, action: str, detail: dict[str, Any] | None = None
) -> None:
    record(actor, action=action, subject_id=device.public_id, subject=str(device), detail=detail)
