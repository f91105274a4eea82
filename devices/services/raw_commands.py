"""Commands that an administrator has written: nothing is added, nothing is looked up."""

from typing import Any

from django.db import transaction

from devices.errors import CommandInvalid, PlistInvalid
from devices.models import Command, Device
from devices.protocol.commands import COMMAND_TYPES, CommandType
from devices.protocol.plist import decode_plist, read_back
from devices.selectors import get_command_body
from devices.services.locks import lock_live_enrollment
from devices.services.queue import enqueue
from organization.services.audit import record

MAX_RAW_COMMAND = 1024 * 1024
LONGEST_REQUEST_TYPE = 64


def decode_raw_command(content: bytes) -> dict[str, Any]:
    """Return the Command dictionary of a property list, which may wrap it as devices get it.

    Raises CommandInvalid for what is no property list, or has no RequestType.
    """
    try:
        command = decode_plist(content, max_bytes=MAX_RAW_COMMAND)
    except PlistInvalid as error:
        reason = f"the command is not a property list: {error}"
        raise CommandInvalid(reason, field="command") from error
    wrapped = command.get("Command")
    if "RequestType" not in command and isinstance(wrapped, dict):
        command = wrapped
    request_type = command.get("RequestType")
    if not isinstance(request_type, str) or not 0 < len(request_type) <= LONGEST_REQUEST_TYPE:
        raise CommandInvalid("the command has no RequestType", field="command")
    return command


def find_raw_kind(command: dict[str, Any]) -> CommandType | None:
    """Return the row of a raw command's RequestType, None for one that the table lacks."""
    return COMMAND_TYPES.get(command["RequestType"])


def queue_raw_command(device: Device, *, content: bytes, actor: str) -> Command:
    """Queue a command as it is; raises CommandInvalid and NotEnrolled."""
    command = decode_raw_command(content)
    kind = find_raw_kind(command)
    with transaction.atomic():
        enrollment = lock_live_enrollment(device)
        priority = kind.priority if kind else 0
        row = enqueue(enrollment, command=command, origin=actor, priority=priority)
        if get_command_body(row) != read_back(command):
            raise CommandInvalid(
                f"a {row.request_type} that says something else waits already: cancel it first"
            )
        record(
            actor,
            action="command.raw",
            subject_id=device.public_id,
            subject=str(device),
            detail={"command": row.public_id, "request_type": row.request_type},
        )
    return row
