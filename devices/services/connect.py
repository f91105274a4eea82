"""The connect URL: take what the device says about its last command, give it the next."""

import logging
from datetime import datetime

from devices.errors import MessageRefused
from devices.models import Enrollment, EnrollmentState, UserChannel
from devices.protocol.connect import IDLE, Report
from devices.protocol.plist import encode_plist
from devices.services.answers import record_result
from devices.services.identity import check_not_over, get_sender
from devices.services.presence import note_presence
from devices.services.queue import take_next
from devices.services.refusals import naming_sender
from devices.services.renewal_payload import find_body
from devices.services.user_channels import find_user_channel, note_user_presence
from scep.models import IssuedCertificate

log = logging.getLogger(__name__)


def receive_report(report: Report, *, certificate: IssuedCertificate, now: datetime) -> bytes:
    """Return the next command as a property list, or nothing; raises MessageRefused.

    A user's channel has a queue of its own; one that is not open here gets nothing.
    """
    with naming_sender(certificate, udid=report.udid):
        enrollment = get_sender(certificate, udid=report.udid, now=now)
        _check_live(enrollment)
    user_channel = None
    if report.user is None:
        note_presence(enrollment, now=now)
    else:
        user_channel = find_user_channel(enrollment, user=report.user)
        if user_channel is None:
            return b""
        note_user_presence(user_channel, now=now)
    _record(enrollment, user_channel=user_channel, report=report, now=now)
    return _hand_out(
        enrollment,
        user_channel=user_channel,
        now=now,
        is_new_session=report.status == IDLE,
    )


def _record(
    enrollment: Enrollment, *, user_channel: UserChannel | None, report: Report, now: datetime
) -> None:
    if report.status == IDLE:
        return
    if record_result(enrollment, report=report, user_channel=user_channel, now=now) is None:
        log.warning(
            "%s reports %s for a command that it was not given: %.40r",
            enrollment.device.public_id,
            report.status,
            report.command_uuid,
        )


def _hand_out(
    enrollment: Enrollment,
    *,
    user_channel: UserChannel | None,
    now: datetime,
    is_new_session: bool,
) -> bytes:
    """Return the next command that can be given now; one that cannot blocks no other."""
    while command := take_next(
        enrollment, user_channel=user_channel, now=now, is_new_session=is_new_session
    ):
        is_new_session = False
        body = find_body(command, now=now)
        if body is not None:
            return encode_plist({"CommandUUID": command.uuid, "Command": body})
    return b""


def _check_live(enrollment: Enrollment) -> None:
    check_not_over(enrollment)
    if enrollment.state != EnrollmentState.LIVE:
        raise MessageRefused("identity_not_trusted", "the enrollment waits for its TokenUpdate")
