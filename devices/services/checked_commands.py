"""A command that somebody asks for: checked against its device, filled up, and queued once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from devices.errors import CommandInvalid
from devices.models import BulkCommand, Command, Device, Enrollment, UserChannel
from devices.protocol.commands import (
    QUERIES,
    USER_CHANNEL,
    CommandType,
    DeviceFacts,
    check_asked,
    check_obeyable,
    check_on_user_channel,
    get_command_type,
)
from devices.protocol.plist import read_back
from devices.selectors import find_waiting_command, get_command_body, get_device_facts
from devices.services.erase import ERASE, check_erase, supersede_erase
from devices.services.escrow import forget_untold, keep_secret
from devices.services.locks import lock_live_enrollment
from devices.services.queue import cancel, enqueue, withdraw
from devices.services.supplies import supply
from devices.services.user_channels import get_user_channel

LOCK = "DeviceLock"  # the first one stands, with its PIN


@transaction.atomic
def enqueue_checked(
    device: Device,
    *,
    name: str,
    parameters: Mapping[str, Any],
    origin: str,
    user: str = "",
    expires_at: datetime | None = None,
    bulk: BulkCommand | None = None,
) -> Command:
    """Queue the command, or return the waiting one where one is enough: see actions.queue_command.

    For whoever writes an audit entry of their own. Raises the same.
    """
    kind = get_command_type(name)
    check_asked(kind, parameters)
    enrollment = lock_live_enrollment(device)
    channel = get_user_channel(enrollment, public_id=user) if user else None
    facts = _get_facts(enrollment, channel=channel)
    if channel is not None:
        check_on_user_channel(kind.request_type)
    check_obeyable(kind, facts)
    added = supply(name, enrollment=enrollment, parameters=parameters, now=timezone.now())
    command = kind.build_body(added.parameters, facts=facts)
    if name == ERASE:
        check_erase(enrollment.device, body=command)
    waiting = _keep_or_take_back(
        kind, enrollment, command=command, given=parameters, user_channel=channel
    )
    if waiting is not None:
        return waiting
    if kind.takes_back:
        _take_back_opposite(kind, enrollment)
    row = enqueue(
        enrollment,
        command=command,
        origin=origin,
        priority=kind.priority,
        expires_at=expires_at,
        user_channel=channel,
        bulk=bulk,
    )
    for secret, value in added.secrets.items():
        keep_secret(enrollment, kind=secret, value=value, command_uuid=row.uuid)
    return row


def _get_facts(enrollment: Enrollment, *, channel: UserChannel | None) -> DeviceFacts:
    facts = get_device_facts(enrollment.device, enrollment=enrollment)
    return facts if channel is None else replace(facts, channel=USER_CHANNEL)


def _keep_or_take_back(
    kind: CommandType,
    enrollment: Enrollment,
    *,
    command: dict[str, Any],
    given: Mapping[str, Any],
    user_channel: UserChannel | None,
) -> Command | None:
    """Return the waiting command that makes another one superfluous.

    One that says something else is taken back; raises CommandInvalid where the device has it.
    """
    if not kind.is_unique:
        return None
    waiting = find_waiting_command(
        enrollment, request_type=kind.request_type, user_channel=user_channel
    )
    if waiting is None or kind.request_type in (*QUERIES, LOCK):
        return waiting
    wanted = read_back(command)
    if kind.request_type == ERASE:
        return supersede_erase(waiting, body=wanted)
    said = get_command_body(waiting)
    if _leave_out_made(said, kind=kind, given=given) == _leave_out_made(
        wanted, kind=kind, given=given
    ):
        return waiting
    if withdraw(waiting.uuid):
        if waiting.attempts <= 1:  # else an earlier time may have been obeyed and its answer lost
            forget_untold([waiting.uuid])
        return None
    raise CommandInvalid(
        f"{kind.name}: the device has been told something else and has not answered yet; "
        "cancel that, or wait"
    )


def _leave_out_made(
    body: dict[str, Any], *, kind: CommandType, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the body with no more of what the server makes than whether it is there.

    Who asks twice for a random password asks twice for the same.
    """
    made = {each.key for each in kind.parameters if each.is_made and each.name not in given}
    return {key: bool(value) if key in made else value for key, value in body.items()}


def _take_back_opposite(kind: CommandType, enrollment: Enrollment) -> None:
    """The last word counts, also where it goes first; what the device has is not sent again."""
    opposite = find_waiting_command(enrollment, request_type=kind.takes_back)
    if opposite is not None:
        cancel(opposite, now=timezone.now())
