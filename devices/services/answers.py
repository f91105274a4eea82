"""What devices say about their commands, stored once."""

from datetime import datetime, timedelta

from django.db import transaction

from devices.models import Command, CommandState, Enrollment
from devices.protocol.connect import NOT_NOW, Report, get_error_text
from devices.protocol.json_values import build_json_value
from devices.selectors import OPEN_STATES
from devices.services.queue import build_wait
from devices.services.results import apply_answer
from devices.services.told_secrets import settle_secrets
from devices.signals import command_finished

NOT_NOW_TIME = timedelta(minutes=1)
STATE_OF_STATUS = {
    "Acknowledged": CommandState.ACKNOWLEDGED,
    "Error": CommandState.ERROR,
    "CommandFormatError": CommandState.FORMAT_ERROR,
}


@transaction.atomic
def record_result(enrollment: Enrollment, *, report: Report, now: datetime) -> Command | None:
    """Store what became of a command of this enrollment; None when it is none of its (D5).

    The first final result stands: whatever comes later for the same command changes nothing.
    """
    command = Command.objects.filter(enrollment=enrollment, uuid=report.command_uuid).first()
    if command is None:
        return None
    if report.status == NOT_NOW:
        _put_off(command, now=now)
    else:
        _finish(command, report=report, now=now)
    return command


def _put_off(command: Command, *, now: datetime) -> None:
    Command.objects.filter(pk=command.pk, state__in=OPEN_STATES).update(
        state=CommandState.NOT_NOW,
        not_before=now + build_wait(NOT_NOW_TIME, max(command.attempts - 1, 0)),
        updated_at=now,
    )


def _finish(command: Command, *, report: Report, now: datetime) -> None:
    command.state = STATE_OF_STATUS[report.status]
    command.result = build_json_value(report.answer)
    command.error_chain = build_json_value(report.error_chain)
    command.completed_at = now
    finished = Command.objects.filter(pk=command.pk, state__in=OPEN_STATES).update(
        state=command.state,
        result=command.result,
        error_chain=command.error_chain,
        completed_at=now,
        not_before=None,
        updated_at=now,
    )
    if finished:
        settle_secrets(command, answer=report.answer, now=now)
        if command.state == CommandState.ACKNOWLEDGED:
            apply_answer(command, now=now)
        command_finished.send(Command, command=command)


def get_error(command: Command) -> str:
    """Return the device's words for why the command failed, or ""."""
    return get_error_text(command.error_chain)
