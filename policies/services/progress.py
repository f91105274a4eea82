"""What devices answered, made into the state of each item.

The rows of the commands are read, not the news of them, so that it makes no difference
whether news were lost, doubled or late.
"""

from collections.abc import Iterable
from datetime import datetime

from devices.models import OPEN_STATES, Command, CommandState, DeviceStatus, Enrollment
from devices.services.answers import get_error
from devices.services.status import set_status
from policies.models import ItemKind, ItemState, ItemStatus
from policies.selectors import Progress
from policies.services.app_states import take_app_state
from policies.services.item_states import (
    mark_accepted,
    mark_failed,
    mark_installed,
    mark_interrupted,
    mark_put_off,
    mark_removed,
)
from policies.services.package_states import NOTHING_TO_FOLLOW, get_bundles
from policies.signals import device_managed

# Apple's RejectionReason: the device has, or is about to have, what is asked for.
ALREADY_THERE, ALREADY_QUEUED = "AppAlreadyInstalled", "AppAlreadyQueued"


def settle_answers(statuses: Iterable[ItemStatus], *, now: datetime) -> None:
    """Bring every item up to date whose command is over."""
    awaited = [status for status in statuses if status.is_awaited]
    uuids = [status.command_uuid for status in awaited]
    commands = {command.uuid: command for command in Command.objects.filter(uuid__in=uuids)}
    for status in awaited:
        command = commands.get(status.command_uuid)
        if command is None or command.state not in OPEN_STATES:
            _settle(status, command=command, now=now)


def _settle(status: ItemStatus, *, command: Command | None, now: datetime) -> None:
    if command is None or command.state in (CommandState.CANCELLED, CommandState.EXPIRED):
        was_sent = command is None or command.sent_at is not None
        mark_interrupted(status, was_sent=was_sent, now=now)
        return
    moment = command.completed_at or now
    if status.kind == ItemKind.APP and status.state != ItemState.REMOVING:
        settle = SETTLERS.get(command.request_type, _settle_app)
        settle(status, command=command, now=moment)
    elif status.state == ItemState.REMOVING and _is_gone(status, command=command):
        mark_removed(status)
    elif command.state != CommandState.ACKNOWLEDGED:
        mark_failed(status, message=_describe_error(command), now=moment)
    else:
        mark_installed(status, now=moment)


def _is_gone(status: ItemStatus, *, command: Command) -> bool:
    """A refusal means the same where the device has never said that it took it."""
    return command.state == CommandState.ACKNOWLEDGED or not status.was_accepted


def _settle_app(status: ItemStatus, *, command: Command, now: datetime) -> None:
    status.bundle_id = _find_text(command, "Identifier") or status.bundle_id
    reason = _find_text(command, "RejectionReason")
    if reason == ALREADY_THERE:
        mark_installed(status, now=now, note="The app was there already.")
    elif reason == ALREADY_QUEUED and _is_configured(status):
        mark_put_off(status, now=now)
    elif command.state != CommandState.ACKNOWLEDGED and reason != ALREADY_QUEUED:
        mark_failed(status, message=reason or _describe_error(command), now=now)
    elif not status.bundle_id:
        note = "Accepted; the device did not say which app it is, so it cannot be followed."
        mark_installed(status, now=now, note=note)
    else:
        mark_accepted(status, now=now)
        take_app_state(status, state=_find_text(command, "State"), now=now)


def _is_configured(status: ItemStatus) -> bool:
    """Then the app that is on its way is not told what came with the refused command."""
    item = status.find_item()
    return item is not None and item.is_configured


def _settle_package(status: ItemStatus, *, command: Command, now: datetime) -> None:
    """A Mac's acknowledgement says that it has begun; its apps tell when it is done."""
    if command.state != CommandState.ACKNOWLEDGED:
        mark_failed(status, message=_describe_error(command), now=now)
    elif get_bundles(status):
        mark_accepted(status, now=now)
    else:
        mark_installed(status, now=now, note=NOTHING_TO_FOLLOW)


def _settle_configuration(status: ItemStatus, *, command: Command, now: datetime) -> None:
    if command.state != CommandState.ACKNOWLEDGED:
        mark_failed(status, message=_describe_error(command), now=now)
    else:
        mark_installed(status, now=now)


SETTLERS = {
    "InstallEnterpriseApplication": _settle_package,
    "Settings": _settle_configuration,
}


def _find_text(command: Command, key: str) -> str:
    value = command.result.get(key)
    return value[:255] if isinstance(value, str) else ""


def _describe_error(command: Command) -> str:
    if command.state == CommandState.FORMAT_ERROR:
        return "The device did not understand the command."
    return get_error(command) or "The device gave no reason."


def update_device_status(enrollment: Enrollment, *, progress: Progress) -> None:
    """Managed when every item is installed, and when there is none; else Enrolled and why."""
    device = enrollment.device
    was_managed = device.status == DeviceStatus.MANAGED
    if not progress.is_complete:
        reason = f"{progress.installed} of {progress.total} applied, {progress.failed} failed"
        set_status(device, status=DeviceStatus.ENROLLED, reason=reason)
    elif set_status(device, status=DeviceStatus.MANAGED) and not was_managed:
        device_managed.send(type(device), device=device)
