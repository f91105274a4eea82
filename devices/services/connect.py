"""The connect URL: take what the device says about its last command, give it the next."""

import logging
from datetime import datetime

from devices.errors import MessageRefused
from devices.models import Enrollment, EnrollmentState
from devices.protocol.connect import IDLE, Report
from devices.protocol.plist import encode_plist
from devices.selectors import get_command_body
from devices.services.answers import record_result
from devices.services.identity import check_not_over, get_sender
from devices.services.presence import note_presence
from devices.services.queue import take_next
from devices.services.refusals import naming_sender
from scep.models import IssuedCertificate

log = logging.getLogger(__name__)


def receive_report(report: Report, *, certificate: IssuedCertificate, now: datetime) -> bytes:
    """Return the next command as a property list, or nothing; raises MessageRefused.

    A user's channel is acknowledged and gets nothing.
    """
    with naming_sender(certificate, udid=report.udid):
        enrollment = get_sender(certificate, udid=report.udid)
        _check_live(enrollment)
    note_presence(enrollment, now=now)
    if report.is_user_channel:
        return b""
    if report.status != IDLE and record_result(enrollment, report=report, now=now) is None:
        log.warning(
            "%s reports %s for a command that it was not given: %.40r",
            enrollment.device.public_id,
            report.status,
            report.command_uuid,
        )
    command = take_next(enrollment, now=now, is_new_session=report.status == IDLE)
    if command is None:
        return b""
    return encode_plist({"CommandUUID": command.uuid, "Command": get_command_body(command)})


def _check_live(enrollment: Enrollment) -> None:
    check_not_over(enrollment)
    if enrollment.state != EnrollmentState.LIVE:
        raise MessageRefused("identity_not_trusted", "the enrollment waits for its TokenUpdate")
