"""The command queue of an enrollment: in, out, cancelled.

A command is offered until its first final result (R2). Whoever takes a command changes its
row with a condition on what it read, so two connections never get the same one.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, When
from django.utils import timezone

from devices.models import Command, CommandState, Enrollment
from devices.protocol.plist import encode_plist
from devices.selectors import OPEN_STATES
from devices.services.push_requests import request_push
from devices.signals import command_queued

# How long an answer may take before the command is offered, and pushed for, again.
ANSWER_TIME = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=6)
PATIENCE = 3


@transaction.atomic
def enqueue(
    enrollment: Enrollment,
    *,
    command: dict[str, Any],
    origin: str = "",
    priority: int = 0,
    is_connected: bool = False,
) -> Command:
    """Queue a Command dictionary under a new CommandUUID and ask for a push.

    `origin` is an actor or `item:<id>`; higher `priority` goes first. A device that
    `is_connected` takes it in this session; where the session breaks off, the sweep pushes.
    """
    row = Command.objects.create(
        uuid=str(uuid.uuid4()).upper(),
        enrollment=enrollment,
        request_type=command["RequestType"],
        body=encode_plist(command),
        origin=origin[:64],
        priority=priority,
    )
    command_queued.send(Command, command=row)
    if not is_connected:
        request_push(enrollment)
    return row


def take_next(enrollment: Enrollment, *, now: datetime, is_new_session: bool) -> Command | None:
    """Hand out the next command, marked as sent; None when there is nothing to do now.

    A session opens with Idle. What the device put off with NotNow is then queued again, and
    not offered before (R3). A sent command is offered again when its answer is overdue.
    """
    if is_new_session:
        _requeue_put_off(enrollment)
    while candidate := _find_next(enrollment, now=now):
        taken = Command.objects.filter(
            pk=candidate.pk, state=candidate.state, attempts=candidate.attempts
        ).update(
            state=CommandState.SENT,
            attempts=F("attempts") + 1,
            sent_at=now,
            not_before=now + build_wait(ANSWER_TIME, candidate.attempts),
            updated_at=now,
        )
        if taken:
            return candidate
    return None


def _requeue_put_off(enrollment: Enrollment) -> None:
    put_off = Command.objects.filter(enrollment=enrollment, state=CommandState.NOT_NOW)
    if put_off.exists():  # most sessions need no write here
        put_off.update(state=CommandState.QUEUED, not_before=None)


def _find_next(enrollment: Enrollment, *, now: datetime) -> Command | None:
    """Urgent ones first, but nothing that was in vain PATIENCE times blocks what was not tried."""
    offered = Q(state=CommandState.QUEUED) | Q(state=CommandState.SENT, not_before__lte=now)
    in_vain = Case(When(attempts__gte=PATIENCE, then=1), default=0)
    waiting = Command.objects.filter(offered, enrollment=enrollment)
    return waiting.order_by(in_vain, "-priority", "attempts", "id").first()


def build_wait(first: timedelta, attempts: int) -> timedelta:
    """Double with every attempt, up to LONGEST_WAIT."""
    return min(first * 2 ** min(attempts, 12), LONGEST_WAIT)


def cancel_commands(enrollment: Enrollment, *, origin: str | None = None) -> int:
    """Cancel what is not answered yet, all of it or one origin's; return how many."""
    waiting = Command.objects.filter(enrollment=enrollment, state__in=OPEN_STATES)
    if origin is not None:
        waiting = waiting.filter(origin=origin)
    now = timezone.now()
    return waiting.update(
        state=CommandState.CANCELLED, completed_at=now, not_before=None, updated_at=now
    )


def withdraw(command_uuid: str) -> bool:
    """Take back a command that the device has not been handed, or has put off with NotNow.

    Return whether it was still there to take: what is on the device must be answered.
    """
    unseen = (CommandState.QUEUED, CommandState.NOT_NOW)
    now = timezone.now()
    taken = Command.objects.filter(uuid=command_uuid, state__in=unseen).update(
        state=CommandState.CANCELLED, completed_at=now, not_before=None, updated_at=now
    )
    return bool(taken)
