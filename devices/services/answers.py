"""What devices say about their commands, stored once."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from devices.models import (
    Command,
    CommandState,
    Device,
    Enrollment,
    EnrollmentState,
    UserChannel,
)
from devices.models.command import FORGOTTEN, IS_OPEN
from devices.protocol.connect import NOT_NOW, Report, get_error_text
from devices.protocol.json_values import build_json_value, encode_answer, encode_errors
from devices.protocol.waits import build_wait
from devices.services.identities.renewed import RENEWAL_ORIGIN
from devices.services.lessons import (
    apply_lesson,
    is_lesson,
    leave_out_lists,
    read_lesson,
)
from devices.services.locks import lock_device
from devices.services.told_secrets import concerns_secrets, settle_secrets
from devices.signals import command_finished
from organization.models import Given, PreparedSelect, PreparedUpdate

FIND = PreparedSelect(
    lambda: (
        Command.objects.filter(uuid=Given("uuid"), enrollment=Given("enrollment"))
        .defer("result", "error_chain")
        .order_by()
    )
)
ENROLLMENT = PreparedSelect(lambda: Enrollment.objects.filter(pk=Given("pk")).order_by())
PUT_OFF = PreparedUpdate(
    lambda: Command.objects.filter(IS_OPEN, pk=Given("pk")),
    state=CommandState.NOT_NOW.value,
    not_before=Given("not_before"),
    updated_at=Given("now"),
)
NOT_NOW_TIME = timedelta(minutes=1)
# What a device has been handed before it was cancelled or expired may still be obeyed; once nobody
# knows any more what it said (devices.services.retention), an answer means nothing.
TAKEN_BACK = (
    Q(state__in=(CommandState.CANCELLED, CommandState.EXPIRED), sent_at__isnull=False) & ~FORGOTTEN
)
MAY_FINISH = IS_OPEN | TAKEN_BACK
FINISHING: dict[str, Any] = {
    "state": Given("state"),
    "result": Given("result"),
    "error_chain": Given("error_chain"),
    "completed_at": Given("now"),
    "not_before": None,
    "updated_at": Given("now"),
}
FINISH = PreparedUpdate(
    lambda: Command.objects.filter(MAY_FINISH, pk=Given("pk")),
    **FINISHING,
)
STATE_OF_STATUS = {
    "Acknowledged": CommandState.ACKNOWLEDGED,
    "Error": CommandState.ERROR,
    "CommandFormatError": CommandState.FORMAT_ERROR,
}


def record_result(
    enrollment: Enrollment,
    *,
    report: Report,
    now: datetime,
    user_channel: UserChannel | None = None,
) -> Command | None:
    """Store what became of a command of this channel; None when it is none of its (D5)."""
    command = FIND.first(enrollment=enrollment.pk, uuid=report.command_uuid)
    if command is None or command.user_channel_id != (user_channel and user_channel.pk):
        return None
    store_result(command, report=report, now=now)
    return command


def store_result(command: Command, *, report: Report, now: datetime) -> bool:
    """Store what became of the command; return whether more than the command may have changed.

    The device's first final result stands: whatever comes later for the same command changes
    nothing. It also stands where a command that the device had was cancelled or expired meanwhile,
    until that is forgotten.
    """
    if command.is_forgotten:
        return False
    if report.status == NOT_NOW:
        _put_off(command, now=now)
        return False
    command.state = STATE_OF_STATUS[report.status]
    command.result = build_json_value(leave_out_lists(command, report.answer))
    command.error_chain = build_json_value(report.error_chain)
    command.completed_at = now
    teaches = _teaches(command, report=report)
    if teaches or command.origin == RENEWAL_ORIGIN or concerns_secrets(command):
        lesson = read_lesson(command, answer=report.answer) if teaches else None
        _finish_with_more(command, report=report, lesson=lesson, teaches=teaches, now=now)
        return True
    if _finish(command):
        command_finished.send(Command, command=command)
    return False


def _teaches(command: Command, *, report: Report) -> bool:
    """What a user's channel answers is true of that user, not of the device."""
    is_acknowledged = command.state == CommandState.ACKNOWLEDGED
    is_of_device = command.user_channel_id is None
    return is_acknowledged and is_of_device and is_lesson(command, answer=report.answer)


def _put_off(command: Command, *, now: datetime) -> None:
    wait = build_wait(NOT_NOW_TIME, attempts=max(command.attempts - 1, 0))
    PUT_OFF.run(pk=command.pk, now=now, not_before=now + wait)


@transaction.atomic
def _finish_with_more(
    command: Command, *, report: Report, lesson: Any, teaches: bool, now: datetime
) -> None:
    if teaches or command.origin == RENEWAL_ORIGIN:
        device = lock_device(command.device_id)  # before the command's row
        command.enrollment = _read_enrollment(command, device=device)
        # It may have ended since the message was read.
        teaches = teaches and command.enrollment.state == EnrollmentState.LIVE
    if not _finish(command):
        return
    settle_secrets(command, answer=report.answer, now=now)
    if teaches:
        apply_lesson(command, lesson=lesson, now=now)
    command_finished.send(Command, command=command)


def _read_enrollment(command: Command, *, device: Device) -> Enrollment:
    enrollment = ENROLLMENT.first(pk=command.enrollment_id)
    if enrollment is None:
        raise Enrollment.DoesNotExist
    enrollment.device = device
    return enrollment


def _finish(command: Command) -> bool:
    """Write the result down; False where another has been before."""
    return bool(
        FINISH.run(
            pk=command.pk,
            state=CommandState(command.state).value,
            result=encode_answer(command.result),
            error_chain=encode_errors(command.error_chain),
            now=command.completed_at,
        )
    )


def get_error(command: Command) -> str:
    """Return the device's words for why the command failed, or ""."""
    return get_error_text(command.error_chain)
