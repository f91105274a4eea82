"""One command, a group or a farewell for many devices: asked for once, queued in portions by tasks.

A portion is one transaction that also takes its devices off the waiting ones, so a task that
runs twice, or is lost, asks no device twice and forgets none.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from devices.errors import CommandInvalid, CommandOver, NotEnrolled
from devices.models import BulkCommand, Command, CommandState, Device, Group
from devices.models.command import IS_OPEN
from devices.protocol.commands import get_command_type, get_minimum_role
from devices.protocol.commands.table import OPERATOR
from devices.protocol.plist import decode_plist, encode_plist
from devices.services.actions import assign_group, unenroll
from devices.services.checked_commands import enqueue_checked
from devices.services.escrow import forget_untold
from devices.services.locks import select_free
from devices.services.queue import cancel_these
from devices.signals import bulk_requested
from organization.errors import SecretUnreadable
from organization.services.audit import record

log = logging.getLogger(__name__)

# What else than a command can be done to many: no names of commands.
ASSIGN_GROUP, UNENROLL = "Assign group", "Unenroll"
PORTION = 100
CANCELLED_AT_ONCE = 1000
MAX_REASONS = 20
MOST_NAMED = 1000  # of the devices that were left out
# Longer than a portion takes: what stands still for that long has lost its task.
STALLED = timedelta(minutes=2)


def get_bulk_role(name: str) -> str:
    """Return who may do this to many devices, or take it back."""
    if name == ASSIGN_GROUP:
        return OPERATOR
    return get_minimum_role(name)  # administrators, to unenroll


def request_bulk(
    devices: Iterable[int], *, name: str, parameters: Mapping[str, Any], actor: str
) -> BulkCommand:
    """Ask for a command for the devices with these keys; raises CommandInvalid.

    What cannot be undone is done to one device at a time.
    """
    kind = get_command_type(name)
    if kind.is_destructive:
        raise CommandInvalid(
            f"{name} cannot be undone: send it to one device at a time", field="request_type"
        )
    return _begin(devices, name=name, parameters=kind.read_given(parameters), actor=actor)


def assign_group_to_many(devices: Iterable[int], *, group: Group, actor: str) -> BulkCommand:
    """Move the devices with these keys to a group, by and by."""
    return _begin(devices, name=ASSIGN_GROUP, parameters={"group": group.pk}, actor=actor)


def unenroll_many(devices: Iterable[int], *, actor: str) -> BulkCommand:
    """Take the devices with these keys out of management, by and by."""
    return _begin(devices, name=UNENROLL, parameters={}, actor=actor)


@transaction.atomic
def _begin(
    devices: Iterable[int], *, name: str, parameters: Mapping[str, Any], actor: str
) -> BulkCommand:
    waiting = sorted(set(devices))
    bulk = BulkCommand.objects.create(
        name=name,
        parameters=encode_plist(dict(parameters)),
        actor=actor[:200],
        waiting=waiting,
        total=len(waiting),
    )
    detail = {"command": name, "devices": len(waiting)}
    record(actor, action="command.bulk", subject_id=bulk.public_id, subject=name, detail=detail)
    bulk_requested.send(BulkCommand, bulk=bulk)
    return bulk


@transaction.atomic
def queue_portion(bulk_id: int, *, left: int | None = None, now: datetime) -> int:
    """Queue the command for the next devices; return how many others still wait.

    `left`: how many waited when the task was begun. Where another task has had this portion, this
    one has nothing to do, and none follows it.
    """
    bulk = _lock(bulk_id)
    if bulk is None or left not in (None, len(bulk.waiting)):
        return 0
    try:
        parameters = _read_parameters(bulk_id)
    except SecretUnreadable as error:
        _give_up(bulk, error=error, now=now)
        return 0
    portion, bulk.waiting = bulk.waiting[:PORTION], bulk.waiting[PORTION:]
    devices = Device.objects.in_bulk(portion)
    for key in portion:
        if key in devices:
            _queue_one(bulk, devices[key], parameters=parameters)
        else:
            _refuse(bulk, key, reason="deleted meanwhile")
    bulk.finished_at = None if bulk.waiting else now
    bulk.save()
    return len(bulk.waiting)


def _lock(bulk_id: int) -> BulkCommand | None:
    rows = BulkCommand.objects.select_for_update().defer("parameters")
    return rows.filter(pk=bulk_id, finished_at=None).first()


def _read_parameters(bulk_id: int) -> dict[str, Any]:
    body = BulkCommand.objects.only("parameters").get(pk=bulk_id).parameters or b""
    return decode_plist(body, max_bytes=len(body))


def _give_up(bulk: BulkCommand, *, error: SecretUnreadable, now: datetime) -> None:
    """Nobody can be asked any more, now or later: those who waited are left out, with the reason.

    A command that has come half way stays where it was queued.
    """
    log.error("%s: its parameters cannot be read: %s", bulk.public_id, error)
    portion, bulk.waiting = bulk.waiting, []
    for key in portion:
        _refuse(bulk, key, reason=f"its parameters cannot be read: {error}")
    bulk.finished_at = now
    bulk.save()


def _queue_one(bulk: BulkCommand, device: Device, *, parameters: dict[str, Any]) -> None:
    try:
        _do_one(bulk, device, parameters=parameters)
    except NotEnrolled:
        _refuse(bulk, device.pk, reason="not enrolled")
    except CommandInvalid as refusal:
        _refuse(bulk, device.pk, reason=str(refusal))
    except SecretUnreadable as error:
        _refuse(bulk, device.pk, reason=f"a secret of the device cannot be read: {error}")
    else:
        bulk.queued += 1


def _refuse(bulk: BulkCommand, key: int, *, reason: str) -> None:
    bulk.refused += 1
    if reason in bulk.refusals or len(bulk.refusals) < MAX_REASONS:
        bulk.refusals[reason] = bulk.refusals.get(reason, 0) + 1
        if len(bulk.refused_devices) < MOST_NAMED:
            bulk.refused_devices.append([key, reason])


def _do_one(bulk: BulkCommand, device: Device, *, parameters: dict[str, Any]) -> None:
    if bulk.name == UNENROLL:
        unenroll(device, actor=bulk.actor)
    elif bulk.name == ASSIGN_GROUP:
        group = Group.objects.filter(pk=parameters["group"]).first()
        if group is None:
            raise CommandInvalid("the group was deleted")
        assign_group(device, group=group, actor=bulk.actor)
    else:
        origin = f"bulk:{bulk.public_id}"
        command = enqueue_checked(
            device, name=bulk.name, parameters=parameters, origin=origin, bulk=bulk
        )
        bulk.joined += command.bulk_id != bulk.pk


def cancel_bulk(bulk: BulkCommand, *, actor: str, now: datetime) -> BulkCommand:
    """Ask no further device, and take back what is not answered; raises CommandOver.

    A device that has been handed its command may obey all the same; then its answer is noted.
    """
    with transaction.atomic():
        row = BulkCommand.objects.select_for_update().defer("parameters").get(pk=bulk.pk)
        if not row.waiting and not _list_open(row).exists():
            raise CommandOver("Everything is over already: nothing is left to cancel.")
        row.waiting, row.finished_at = [], row.finished_at or now
        row.save(update_fields=["waiting", "finished_at", "updated_at"])
        record(actor, action="command.bulk_cancel", subject_id=row.public_id, subject=row.name)
    while _cancel_some(row, now=now):
        pass
    # What devices were at is waited for, one at a time: nothing else is held meanwhile.
    for key in list(_list_open(row).values_list("pk", flat=True)):
        _take_back([key], now=now)
    return row


@transaction.atomic
def _cancel_some(bulk: BulkCommand, *, now: datetime) -> int:
    """Cancel a portion of what nobody is at; return how many that were."""
    free = select_free(_list_open(bulk)).values_list("pk", flat=True)
    return _take_back(list(free[:CANCELLED_AT_ONCE]), now=now)


@transaction.atomic
def _take_back(keys: Sequence[int], *, now: datetime) -> int:
    """Cancel those of these commands that are open; return how many."""
    rows = Command.objects.filter(pk__in=keys)
    count = cancel_these(rows, now=now)
    untold = rows.filter(state=CommandState.CANCELLED, sent_at=None)
    forget_untold(untold.values_list("uuid", flat=True))
    return count


def _list_open(bulk: BulkCommand) -> QuerySet[Command]:
    return Command.objects.filter(IS_OPEN, bulk=bulk)


def claim_stalled_bulks(*, now: datetime) -> dict[int, int]:
    """Return the keys of those whose task was lost, each with how many wait, to one caller alone.

    After a night without a worker many sweeps follow each other; each would start another task.
    """
    stalled = BulkCommand.objects.filter(finished_at=None, updated_at__lt=now - STALLED)
    waiting = dict(stalled.order_by("updated_at").values_list("pk", "waiting"))
    return {
        key: len(devices)
        for key, devices in waiting.items()
        if stalled.filter(pk=key).update(updated_at=now)
    }
