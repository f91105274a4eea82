"""What devices say about their commands, stored once."""

import json
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from devices.models import Command, CommandState, Enrollment, UserChannel
from devices.models.command import IS_OPEN
from devices.protocol.connect import NOT_NOW, Report, get_error_text
from devices.protocol.json_values import build_json_value
from devices.services.locks import lock_device
from devices.services.queue import build_wait
from devices.services.renewed_identity import ORIGIN
from devices.services.results import HANDLERS, apply_answer, leave_out_lists
from devices.services.told_secrets import settle_secrets
from devices.signals import command_finished
from organization.models import Given, PreparedSelect, PreparedUpdate

FIND = PreparedSelect(
    lambda: (
        Command.objects.filter(uuid=Given("uuid"), enrollment=Given("enrollment"))
        .defer("result", "error_chain")
        .order_by()
    )
)
NOT_NOW_TIME = timedelta(minutes=1)
# What a device has been handed before it was cancelled or expired may still be obeyed.
TAKEN_BACK = Q(state__in=(CommandState.CANCELLED, CommandState.EXPIRED), sent_at__isnull=False)
FINISH = PreparedUpdate(
    lambda: Command.objects.filter(IS_OPEN | TAKEN_BACK, pk=Given("pk")),
    state=Given("state"),
    result=Given("result"),
    error_chain=Given("error_chain"),
    completed_at=Given("now"),
    not_before=None,
    updated_at=Given("now"),
)
STATE_OF_STATUS = {
    "Acknowledged": CommandState.ACKNOWLEDGED,
    "Error": CommandState.ERROR,
    "CommandFormatError": CommandState.FORMAT_ERROR,
}


@transaction.atomic
def record_result(
    enrollment: Enrollment,
    *,
    report: Report,
    now: datetime,
    user_channel: UserChannel | None = None,
) -> Command | None:
    """Store what became of a command of this channel; None when it is none of its (D5).

    The device's first final result stands: whatever comes later for the same command changes
    nothing. It also stands where a command that the device had was cancelled or expired meanwhile.
    """
    command = FIND.first(enrollment=enrollment.pk, uuid=report.command_uuid)
    if command is not None and command.user_channel_id != (user_channel and user_channel.pk):
        return None
    if command is None:
        return None
    if report.status == NOT_NOW:
        _put_off(command, now=now)
    else:
        _finish(command, report=report, now=now)
    return command


def _put_off(command: Command, *, now: datetime) -> None:
    Command.objects.filter(IS_OPEN, pk=command.pk).update(
        state=CommandState.NOT_NOW,
        not_before=now + build_wait(NOT_NOW_TIME, max(command.attempts - 1, 0)),
        updated_at=now,
    )


def _finish(command: Command, *, report: Report, now: datetime) -> None:
    command.state = STATE_OF_STATUS[report.status]
    command.result = build_json_value(leave_out_lists(command, report.answer))
    command.error_chain = build_json_value(report.error_chain)
    command.completed_at = now
    # What a user's channel answers is true of that user, not of the device.
    teaches = (
        command.state == CommandState.ACKNOWLEDGED
        and command.user_channel_id is None
        and command.request_type in HANDLERS
    )
    if teaches or command.origin == ORIGIN:
        command.enrollment.device = lock_device(command.device_id)  # before the command's row
    finished = FINISH.run(
        pk=command.pk,
        state=command.state.value,
        result=json.dumps(command.result),
        error_chain=json.dumps(command.error_chain),
        now=now,
    )
    if finished:
        settle_secrets(command, answer=report.answer, now=now)
        if teaches:
            apply_answer(command, answer=report.answer, now=now)
        command_finished.send(Command, command=command)


def get_error(command: Command) -> str:
    """Return the device's words for why the command failed, or ""."""
    return get_error_text(command.error_chain)
