"""One command, a group or a farewell for many devices: asked for once, queued in portions by tasks.

A portion is one transaction that also takes its devices off the waiting ones, so a task that
runs twice, or is lost, asks no device twice and forgets none.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from devices.errors import CommandInvalid, NotEnrolled
from devices.models import BulkCommand, Device, Group
from devices.protocol.commands import get_command_type
from devices.protocol.plist import decode_plist, encode_plist
from devices.services.actions import assign_group, enqueue_checked, unenroll
from devices.signals import bulk_requested
from organization.services.audit import record

# What else than a command can be done to many: no names of commands.
ASSIGN_GROUP, UNENROLL = "Assign group", "Unenroll"
PORTION = 100
MAX_REASONS = 20
MOST_NAMED = 1000  # of the devices that were left out
# Longer than a portion takes: what stands still for that long has lost its task.
STALLED = timedelta(minutes=2)


def request_bulk(
    devices: Iterable[int], *, name: str, parameters: Mapping[str, Any], actor: str
) -> BulkCommand:
    """Ask for a command for the devices with these keys; raises CommandInvalid.

    What cannot be undone is done to one device at a time.
    """
    kind = get_command_type(name)
    if kind.is_destructive:
        raise CommandInvalid(f"{name} cannot be undone: send it to one device at a time")
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
def queue_portion(bulk_id: int, *, now: datetime) -> bool:
    """Queue the command for the next devices; return whether others still wait."""
    bulk = BulkCommand.objects.select_for_update().filter(pk=bulk_id, finished_at=None).first()
    if bulk is None:
        return False
    portion, bulk.waiting = bulk.waiting[:PORTION], bulk.waiting[PORTION:]
    body = bulk.parameters or b""
    parameters = decode_plist(body, max_bytes=len(body))
    for device in Device.objects.filter(pk__in=portion).order_by("pk"):
        _queue_one(bulk, device, parameters=parameters)
    bulk.finished_at = None if bulk.waiting else now
    bulk.save()
    return bool(bulk.waiting)


def _queue_one(bulk: BulkCommand, device: Device, *, parameters: dict[str, Any]) -> None:
    try:
        _do_one(bulk, device, parameters=parameters)
    except (NotEnrolled, CommandInvalid) as refusal:
        bulk.refused += 1
        reason = "not enrolled" if isinstance(refusal, NotEnrolled) else str(refusal)
        if reason in bulk.refusals or len(bulk.refusals) < MAX_REASONS:
            bulk.refusals[reason] = bulk.refusals.get(reason, 0) + 1
            if len(bulk.refused_devices) < MOST_NAMED:
                bulk.refused_devices.append([device.pk, reason])
    else:
        bulk.queued += 1


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
        enqueue_checked(device, name=bulk.name, parameters=parameters, origin=origin, bulk=bulk)


def find_stalled_bulks(*, now: datetime) -> list[int]:
    """Return the keys of those whose task was lost."""
    stalled = BulkCommand.objects.filter(finished_at=None, updated_at__lt=now - STALLED)
    return list(stalled.values_list("pk", flat=True))
