"""The connect URL: take what the device says about its last command, give it the next."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from devices.errors import MessageRefused
from devices.models import Command, Enrollment, EnrollmentState
from devices.protocol.connect import IDLE, Report
from devices.protocol.identity import Proof
from devices.protocol.plist import nest_plist
from devices.services.answers import record_result
from devices.services.identity import check_not_over, get_sender, identify_sender
from devices.services.known_sender import KnownSender, find_known_sender
from devices.services.presence import note_presence
from devices.services.queue import mark_sent, requeue_put_off, take_next
from devices.services.refusals import naming_sender
from devices.services.renewal_payload import find_body
from scep.models import IssuedCertificate

log = logging.getLogger(__name__)


def receive_report(
    report: Report,
    *,
    proof: Proof,
    now: datetime,
    certificate: IssuedCertificate | None = None,
) -> bytes:
    """Return the next command as a property list, or nothing; raises MessageRefused.

    `certificate`: the proof's, where it has been looked up already. A user's channel is
    acknowledged and gets nothing.
    """
    known = find_known_sender(proof, udid=report.udid, now=now)
    if known is not None:
        return _answer_known(known, report=report, proof=proof, now=now)
    certificate = certificate or identify_sender(proof, now=now)
    with naming_sender(certificate, udid=report.udid):
        enrollment = get_sender(certificate, udid=report.udid, now=now)
        _check_live(enrollment)
    note_presence(enrollment, now=now)
    if report.is_user_channel:
        return b""
    _record(enrollment, report=report, now=now)
    take = partial(take_next, enrollment, now=now)
    return _hand_out(
        take(is_new_session=report.status == IDLE),
        take_another=partial(take, is_new_session=False),
        now=now,
    )


def _answer_known(sender: KnownSender, *, report: Report, proof: Proof, now: datetime) -> bytes:
    """The same, with one statement for what can be asked at once."""
    if report.is_user_channel:
        return b""
    look = partial(find_known_sender, proof, udid=report.udid, now=now)
    following: KnownSender | None = sender
    if report.status != IDLE:
        _record(sender.enrollment, report=report, now=now)
        following = look()
    elif sender.has_put_off:
        requeue_put_off(sender.enrollment)
        following = look()
    return _hand_out(
        _take_known(following, look=look, now=now),
        take_another=lambda: _take_known(look(), look=look, now=now),
        now=now,
    )


def _take_known(
    sender: KnownSender | None, *, look: Callable[[], KnownSender | None], now: datetime
) -> Command | None:
    """Take the command that was found; look again where another connection was quicker."""
    while sender is not None and sender.command is not None:
        if mark_sent(sender.command, now=now):
            return sender.command
        sender = look()
    return None


def _hand_out(
    command: Command | None, *, take_another: Callable[[], Command | None], now: datetime
) -> bytes:
    """Return the command, or the next that can be given now; one that cannot blocks no other."""
    while command is not None:
        body = find_body(command, now=now)
        if body is not None:
            return nest_plist(body, key="Command", beside={"CommandUUID": command.uuid})
        command = take_another()
    return b""


def _record(enrollment: Enrollment, *, report: Report, now: datetime) -> None:
    if report.status != IDLE and record_result(enrollment, report=report, now=now) is None:
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
