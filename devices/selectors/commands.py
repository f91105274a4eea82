"""Reads of commands."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from devices.errors import PlistInvalid
from devices.models import OPEN_STATES, Command, CommandState, Device, Enrollment, UserChannel
from devices.models.command import IS_OPEN
from devices.protocol.command_subject import WITH_SUBJECT, describe_subject
from devices.protocol.plist import decode_plist
from organization.errors import SecretUnreadable


def list_commands(device: Device) -> QuerySet[Command]:
    """Every command of the device, through all its enrollments, newest first.

    Bodies and results, which may be large, are fetched only where they are read.
    """
    rows = Command.objects.filter(device=device).select_related(
        "enrollment__device", "user_channel"
    )
    return rows.defer("body", "result")


def list_questions(
    device: Device, enrollment: Enrollment | None, *, request_type: str
) -> QuerySet[Command]:
    """What the device's enrollment was asked by this RequestType, newest first.

    By the device its history is one walk; by the enrollment alone PostgreSQL reads every command
    there is, from the newest on, to find one that was never sent.
    """
    history = Command.objects.filter(device=device, enrollment=enrollment)
    asked = history.filter(request_type=request_type)
    return asked.only("state", "created_at", "completed_at", "error_chain", "request_type")


def get_command_body(command: Command) -> dict[str, Any]:
    """Return the Command dictionary as it goes to the device, secrets included."""
    body = command.body or b""
    return decode_plist(body, max_bytes=len(body))


def find_subjects(commands: Iterable[Command]) -> dict[int, str]:
    """Return what each of these is about, by its key; a body that nobody can read tells nothing."""
    keys = [row.pk for row in commands if row.request_type in WITH_SUBJECT]
    rows = Command.objects.filter(pk__in=keys, forgotten_at=None).only("body") if keys else []
    return {row.pk: text for row in rows if (text := _describe_subject(row))}


def _describe_subject(command: Command) -> str:
    try:
        return describe_subject(get_command_body(command))
    except (PlistInvalid, SecretUnreadable):
        return ""


def find_waiting_command(
    enrollment: Enrollment, *, request_type: str, user_channel: UserChannel | None = None
) -> Command | None:
    """Return an unanswered command of this type to the device's channel, or a user's.

    One whose time is over makes no other superfluous, though the sweep may not have ended it yet.
    """
    queue = Command.objects.filter(enrollment=enrollment, user_channel=user_channel)
    in_time = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return queue.filter(in_time, request_type=request_type, state__in=OPEN_STATES).first()


def find_due_commands(now: datetime) -> QuerySet[Command]:
    """Commands, to any channel, that should be pushed for where their enrollment is live."""
    waited = Q(state__in=(CommandState.SENT, CommandState.NOT_NOW), not_before__lte=now)
    return Command.objects.filter(IS_OPEN, Q(state=CommandState.QUEUED) | waited)
