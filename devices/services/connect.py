"""The connect URL: take what the device says about its last command, give it the next."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from devices.errors import MessageRefused
from devices.models import Command, Enrollment, EnrollmentState, UserChannel
from devices.protocol.connect import IDLE, Report
from devices.protocol.identity import Proof
from devices.protocol.plist import nest_plist
from devices.services.answers import record_result, store_result
from devices.services.built_bodies import put_back
from devices.services.command_body import find_command_body
from devices.services.known_result import finish_known_command
from devices.services.known_sender import KnownSender, find_known_sender
from devices.services.presence import note_first_connection, note_presence
from devices.services.queue import mark_sent, requeue_put_off, take_next
from devices.services.refusals import naming_sender
from devices.services.sender import check_not_over, get_sender, identify_sender
from devices.services.user_channels import find_user_channel, note_user_presence
from organization.errors import SecretUnreadable
from organization.protocol.caller import AskCaller
from scep.models import IssuedCertificate

log = logging.getLogger(__name__)


def receive_report(
    report: Report,
    *,
    proof: Proof,
    certificate: IssuedCertificate | None,
    now: datetime,
    ask_caller: AskCaller,
) -> bytes:
    """Return the next command as a property list, or nothing; raises MessageRefused.

    `certificate`: the proof's, where it had to be looked up before. A user's channel has a queue
    of its own; one that is not open here gets nothing.
    """
    if report.user is None:
        answer = _answer_known(report, proof=proof, now=now)
        if answer is not None:
            return answer
    certificate = certificate or identify_sender(proof, now=now)
    with naming_sender(certificate, udid=report.udid):
        enrollment = get_sender(certificate, udid=report.udid, now=now)
        _check_live(enrollment)
    if report.user is None:
        note_presence(enrollment, now=now)
        if enrollment.connected_at is None:
            note_first_connection(enrollment, now=now, caller=ask_caller())
        return _answer_channel(enrollment, user_channel=None, report=report, now=now)
    user_channel = find_user_channel(enrollment, user=report.user)
    if user_channel is None:
        return b""
    note_user_presence(user_channel, now=now)
    return _answer_channel(enrollment, user_channel=user_channel, report=report, now=now)


def _answer_channel(
    enrollment: Enrollment, *, user_channel: UserChannel | None, report: Report, now: datetime
) -> bytes:
    """Do what a message of the device's channel, or of a user's, says; return the next command."""
    _record(enrollment, report=report, now=now, user_channel=user_channel)
    commands = _take_in_turn(
        enrollment, user_channel=user_channel, now=now, is_new_session=report.status == IDLE
    )
    return _hand_out(commands, now=now)


def _take_in_turn(
    enrollment: Enrollment,
    *,
    user_channel: UserChannel | None,
    now: datetime,
    is_new_session: bool,
) -> Iterator[Command]:
    """Yield commands, each marked as sent, as long as another is asked for."""
    while command := take_next(
        enrollment, user_channel=user_channel, now=now, is_new_session=is_new_session
    ):
        is_new_session = False
        yield command


def _answer_known(report: Report, *, proof: Proof, now: datetime) -> bytes | None:
    """The same for a device's own channel, in few statements; None where anything is unusual."""
    look: Callable[..., KnownSender | None]
    look = partial(find_known_sender, proof, udid=report.udid, now=now)
    has_next = finish_known_command(report, proof=proof, now=now)
    if has_next is not None:
        following = look() if has_next else None
    else:
        # A session opens with Idle: what was put off in an earlier one is to be queued again.
        is_new = report.status == IDLE
        following = look(with_put_off=is_new, reported=None if is_new else report.command_uuid)
        if following is None:
            return None
        if _is_to_be_asked_again(following, report=report, now=now):
            following = look()
    return _hand_out(_take_known(following, look=look, now=now), now=now)


def _is_to_be_asked_again(sender: KnownSender, *, report: Report, now: datetime) -> bool:
    """Do what the message says; return whether another command may be the next now."""
    if report.status == IDLE:
        if sender.has_put_off:
            requeue_put_off(sender.enrollment)
        return sender.has_put_off
    if sender.reported is None:
        _warn(sender.enrollment, report=report)
        return False
    return store_result(sender.reported, report=report, now=now)


def _take_known(
    sender: KnownSender | None, *, look: Callable[[], KnownSender | None], now: datetime
) -> Iterator[Command]:
    while sender is not None and sender.command is not None:
        if mark_sent(sender.command, now=now):
            yield sender.command
        sender = look()


def _hand_out(commands: Iterator[Command], *, now: datetime) -> bytes:
    """Return the first command that can be given now; one that cannot blocks no other.

    Raises SecretUnreadable where there are only such as no key opens.
    """
    unreadable = None
    for command in commands:
        try:
            body = find_command_body(command, now=now)
        except SecretUnreadable as error:
            unreadable = error
            put_back(command, now=now)
            continue
        if body is not None:
            return nest_plist(body, key="Command", beside={"CommandUUID": command.uuid})
    if unreadable is not None:
        raise unreadable
    return b""


def _record(
    enrollment: Enrollment,
    *,
    report: Report,
    now: datetime,
    user_channel: UserChannel | None,
) -> None:
    if report.status == IDLE:
        return
    if record_result(enrollment, report=report, user_channel=user_channel, now=now) is None:
        _warn(enrollment, report=report)


def _warn(enrollment: Enrollment, *, report: Report) -> None:
    log.warning(
        "%s reports %s for a command that it was not given: %.40r",
        enrollment.device.public_id,
        report.status,
        report.command_uuid,
    )


def _check_live(enrollment: Enrollment) -> None:
    check_not_over(enrollment)
    if enrollment.state != EnrollmentState.LIVE:
        raise MessageRefused("identity_not_trusted", "the enrollment waits for its TokenUpdate")
