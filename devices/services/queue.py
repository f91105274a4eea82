"""The command queue of an enrollment: in, out, cancelled, expired.

A command is offered until its first final result (R2). Whoever takes a command changes its
row with a condition on what it read, so two connections never get the same one.
"""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Least
from django.utils import timezone

from devices.models import BulkCommand, Command, CommandState, Enrollment, UserChannel
from devices.models.command import IS_OPEN
from devices.protocol.commands import COMMAND_TYPES, build_unique_key, find_lifetime
from devices.protocol.plist import encode_exactly
from devices.protocol.waits import build_wait
from devices.services.escrow import forget_untold
from devices.services.push.claims import SKEW
from devices.services.push.requests import request_push
from organization.models import Given, PreparedUpdate

# How long an answer may take before the command is offered, and pushed for, again.
ANSWER_TIME = timedelta(seconds=30)
PATIENCE = 3
MOST_ATTEMPTS = 10_000  # a device that does nothing but put off must end within the column
TRIES = 3

TAKE = PreparedUpdate(
    lambda: Command.objects.filter(
        pk=Given("pk"), state=Given("state"), attempts=Given("attempts")
    ),
    waits_for_disk=False,  # what is lost is offered again
    state=CommandState.SENT.value,
    attempts=Least(F("attempts") + 1, MOST_ATTEMPTS),
    sent_at=Given("now"),
    not_before=Given("not_before"),
    updated_at=Given("now"),
)


@transaction.atomic
def enqueue(
    enrollment: Enrollment,
    *,
    command: dict[str, Any],
    origin: str = "",
    priority: int | None = None,
    expires_at: datetime | None = None,
    user_channel: UserChannel | None = None,
    is_connected: bool = False,
    bulk: BulkCommand | None = None,
) -> Command:
    """Queue a Command dictionary under a new CommandUUID and ask for a push.

    It goes to the device's channel, or to a user's. Where one is enough and one waits, that one
    is returned. `origin` is an actor or `item:<id>`; higher `priority` goes first. Without
    `priority` and `expires_at` the RequestType's count. A device that `is_connected` takes it in
    this session; where the session breaks off, the sweep pushes. `bulk`: what asks many devices.
    """
    row = _build(
        enrollment,
        command=command,
        origin=origin,
        priority=priority,
        expires_at=expires_at,
        user_channel=user_channel,
    )
    row.bulk = bulk
    waiting = _insert(row)
    if waiting is not None:
        return waiting
    if not is_connected:
        request_push(user_channel or enrollment)
    return row


@transaction.atomic
def enqueue_together(
    enrollment: Enrollment,
    *,
    commands: Sequence[dict[str, Any]],
    origin: str = "",
    priority: int | None = None,
    is_connected: bool = False,
) -> list[Command]:
    """Like `enqueue`, for commands to the device's channel of which none was seen to wait there.

    They are one statement and one push. Where another asker was quicker with one of them, each
    is queued by itself.
    """
    rows = [
        _build(enrollment, command=command, origin=origin, priority=priority)
        for command in commands
    ]
    try:
        with transaction.atomic():
            Command.objects.bulk_create(rows)
    except IntegrityError:
        return [
            enqueue(
                enrollment,
                command=command,
                origin=origin,
                priority=priority,
                is_connected=is_connected,
            )
            for command in commands
        ]
    if rows and not is_connected:
        request_push(enrollment)
    return rows


def _build(
    enrollment: Enrollment,
    *,
    command: dict[str, Any],
    origin: str,
    priority: int | None,
    expires_at: datetime | None = None,
    user_channel: UserChannel | None = None,
) -> Command:
    request_type = command["RequestType"]
    kind, body = COMMAND_TYPES.get(request_type), encode_exactly(command)
    lifetime = find_lifetime(request_type)
    if expires_at is None and lifetime is not None:
        expires_at = timezone.now() + lifetime
    if priority is None:
        priority = kind.priority if kind else 0
    return Command(
        uuid=str(uuid.uuid4()).upper(),
        enrollment=enrollment,
        device_id=enrollment.device_id,
        user_channel=user_channel,
        request_type=request_type,
        body=body,
        origin=origin[:64],
        priority=priority,
        expires_at=expires_at,
        unique_key=build_unique_key(
            request_type,
            body=body,
            is_unique=kind is not None and kind.is_unique,
            user_id=user_channel.public_id if user_channel else "",
        ),
    )


def _insert(row: Command) -> Command | None:
    """Store the row; return the waiting one that makes it superfluous, if there is one.

    Of two askers at the same moment the constraint lets one win, and the other finds its row.
    """
    if not row.unique_key:
        row.save(force_insert=True)
        return None
    for _ in range(TRIES):
        waiting = _find_same(row)
        if waiting is not None:
            return waiting
        with suppress(IntegrityError), transaction.atomic():
            row.save(force_insert=True)
            return None
    raise RuntimeError(f"{row.request_type} can neither be queued nor found")


def _find_same(row: Command) -> Command | None:
    same = Command.objects.filter(
        IS_OPEN, enrollment=row.enrollment, unique_key=row.unique_key
    ).first()
    now = timezone.now()
    if same is not None and same.expires_at is not None and same.expires_at <= now:
        expire_commands(Command.objects.filter(pk=same.pk), now=now)
        return None
    return same


def take_next(
    enrollment: Enrollment,
    *,
    now: datetime,
    is_new_session: bool,
    user_channel: UserChannel | None = None,
) -> Command | None:
    """Hand out the channel's next command, marked as sent; None when there is nothing to do now.

    A session opens with Idle. What the device put off with NotNow is then queued again, and
    not offered before (R3). A sent command is offered again when its answer is overdue.
    """
    if is_new_session:
        requeue_put_off(enrollment, user_channel=user_channel)
    offered = offer_commands(enrollment=enrollment.pk, now=now, user_channel=user_channel)
    while candidate := offered.first():
        if mark_sent(candidate, now=now):
            return candidate
    return None


def mark_sent(candidate: Command, *, now: datetime) -> bool:
    """Take a command to hand it out; False when another connection was quicker."""
    not_before = now + build_wait(ANSWER_TIME, attempts=candidate.attempts)
    known = {"pk": candidate.pk, "state": candidate.state, "attempts": candidate.attempts}
    return bool(TAKE.run(**known, now=now, not_before=not_before))


def requeue_put_off(enrollment: Enrollment, *, user_channel: UserChannel | None = None) -> None:
    """A new session: what the channel put off in an earlier one is offered again."""
    put_off = Command.objects.filter(
        IS_OPEN, enrollment=enrollment, user_channel=user_channel, state=CommandState.NOT_NOW
    )
    if put_off.exists():  # most sessions need no write here
        put_off.update(state=CommandState.QUEUED, not_before=None)


def offer_commands(
    *,
    enrollment: Any,
    now: Any,
    user_channel: UserChannel | None = None,
    with_put_off: bool = False,
) -> QuerySet[Command]:
    """Return what can be handed out now, in its order; both may be expressions of a query.

    Urgent ones first, then in the order in which they were asked for, so that the last word counts:
    mostly it is the answer that was lost, and not the command. But what was left without an answer
    PATIENCE times goes behind all the others, also the less urgent. NotNow is an answer.
    `with_put_off`: before all these, what waits to be queued again for a new session.
    """
    offered = Q(state=CommandState.QUEUED) | Q(state=CommandState.SENT, not_before__lte=now)
    order = []
    if with_put_off:
        put_off = Q(state=CommandState.NOT_NOW)
        offered |= put_off
        order.append(Case(When(put_off, then=0), default=1))
    in_time = Q(expires_at=None) | Q(expires_at__gt=now)
    is_in_vain = Q(state=CommandState.SENT, attempts__gte=PATIENCE)
    in_vain = Case(When(is_in_vain, then=F("attempts")), default=0)
    waiting = Command.objects.filter(
        IS_OPEN, offered, in_time, enrollment=enrollment, user_channel=user_channel
    )
    return waiting.order_by(*order, in_vain, "-priority", "id")


def cancel_commands(enrollment: Enrollment, *, origin: str | None = None) -> int:
    """Cancel what is not answered yet, all of it or one origin's; return how many."""
    waiting = Command.objects.filter(enrollment=enrollment)
    if origin is not None:
        waiting = waiting.filter(origin=origin)
    return _end(waiting, state=CommandState.CANCELLED, now=timezone.now())


def cancel(command: Command, *, now: datetime) -> bool:
    """Cancel one command; return whether it was still open."""
    return bool(cancel_these(Command.objects.filter(pk=command.pk), now=now))


def cancel_these(commands: QuerySet[Command], *, now: datetime) -> int:
    """Cancel those of these that are open; return how many."""
    return _end(commands, state=CommandState.CANCELLED, now=now)


def withdraw(command_uuid: str) -> bool:
    """Take back a command that the device has not been handed, or has put off with NotNow.

    Return whether it was still there to take: what is on the device must be answered.
    """
    unseen = (CommandState.QUEUED, CommandState.NOT_NOW)
    rows = Command.objects.filter(uuid=command_uuid, state__in=unseen)
    return bool(_end(rows, state=CommandState.CANCELLED, now=timezone.now()))


def expire_commands(commands: QuerySet[Command] | None = None, *, now: datetime) -> int:
    """End what nobody took in its time, everywhere or of these; return how many."""
    rows = Command.objects.all() if commands is None else commands
    count = _end(rows.filter(expires_at__lte=now), state=CommandState.EXPIRED, now=now)
    if count:
        over = rows.filter(completed_at=now, forgotten_at=None, state=CommandState.EXPIRED)
        forget_untold(over.filter(sent_at=None).order_by().values_list("uuid", flat=True))
    return count


def offer_again_after_clock(*, now: datetime) -> int:
    """Offer at once what was handed out at a time that lies ahead; return how many that were.

    The clock was set back since, and each would wait until it is there again.
    """
    ahead = Command.objects.filter(IS_OPEN, sent_at__gt=now + SKEW)
    return ahead.update(sent_at=now, not_before=now, updated_at=now)


def _end(commands: QuerySet[Command], *, state: str, now: datetime) -> int:
    return commands.filter(IS_OPEN).update(
        state=state, completed_at=now, not_before=None, updated_at=now
    )
