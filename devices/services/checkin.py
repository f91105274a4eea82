"""Check-in messages: a table from the message's kind to the use case it asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from devices.errors import UserChannelDeclined
from devices.models import DeviceStatus, Enrollment, EnrollmentState
from devices.protocol.checkin import (
    Authenticate,
    Checkin,
    CheckOut,
    GetBootstrapToken,
    SetBootstrapToken,
    TokenUpdate,
    UserAuthenticate,
)
from devices.protocol.plist import encode_plist
from devices.selectors import find_live_enrollment
from devices.services.authenticate import authenticate
from devices.services.identity import check_not_over, find_sender, get_sender
from devices.services.presence import note_presence
from devices.services.refusals import naming_sender
from devices.services.removal import end_enrollment
from devices.services.status import set_status
from devices.services.token_update import token_update
from devices.signals import device_checked_out
from scep.models import IssuedCertificate

CHECKED_OUT = "The management profile was removed from the device."


@dataclass(frozen=True)
class Sender:
    """What came with a message: whose certificate, which challenge, when."""

    certificate: IssuedCertificate
    challenge: str
    now: datetime


def receive_checkin(message: Checkin, *, sender: Sender) -> bytes:
    """Do what the message asks and return the answer's body, usually empty.

    A user's own messages are acknowledged and change nothing of the device.
    Raises MessageRefused, AdmissionRefused and UserChannelDeclined.
    """
    with naming_sender(sender.certificate, udid=message.udid):
        if message.is_user_channel and not isinstance(message, UserAuthenticate):
            check_not_over(get_sender(sender.certificate, udid=message.udid, now=sender.now))
            return b""
        return HANDLERS[type(message)](message, sender)


def _authenticate(message: Authenticate, sender: Sender) -> bytes:
    known = find_sender(sender.certificate, udid=message.udid, now=sender.now)
    if known is not None:
        # Outside the transaction, so that a refusal's warning beside the device stays.
        check_not_over(known)
    enrollment = authenticate(
        message, certificate=sender.certificate, challenge=sender.challenge, now=sender.now
    )
    note_presence(enrollment, now=sender.now)
    return b""


def _token_update(message: TokenUpdate, sender: Sender) -> bytes:
    enrollment = get_sender(sender.certificate, udid=message.udid, now=sender.now)
    check_not_over(enrollment)
    enrollment = token_update(enrollment, message=message, now=sender.now)
    note_presence(enrollment, now=sender.now)
    return b""


def _check_out(message: CheckOut, sender: Sender) -> bytes:
    check_out(get_sender(sender.certificate, udid=message.udid, now=sender.now), now=sender.now)
    return b""


@transaction.atomic
def check_out(enrollment: Enrollment, *, now: datetime) -> None:
    """The device leaves; an enrollment that is over already is no longer news."""
    if not end_enrollment(enrollment, state=EnrollmentState.CHECKED_OUT, now=now):
        return
    device = enrollment.device
    if find_live_enrollment(device) is None and device.status != DeviceStatus.UNENROLLED:
        set_status(device, status=DeviceStatus.UNENROLLED, reason=CHECKED_OUT)
    device_checked_out.send(Enrollment, enrollment=enrollment)


def _set_bootstrap_token(message: SetBootstrapToken, sender: Sender) -> bytes:
    enrollment = get_sender(sender.certificate, udid=message.udid, now=sender.now)
    check_not_over(enrollment)
    enrollment.bootstrap_token = message.bootstrap_token
    enrollment.save(update_fields=["bootstrap_token", "updated_at"])
    return b""


def _get_bootstrap_token(message: GetBootstrapToken, sender: Sender) -> bytes:
    enrollment = get_sender(sender.certificate, udid=message.udid, now=sender.now)
    check_not_over(enrollment)
    token = enrollment.bootstrap_token
    return encode_plist({"BootstrapToken": token}) if token else b""


def _user_authenticate(message: UserAuthenticate, sender: Sender) -> bytes:
    check_not_over(get_sender(sender.certificate, udid=message.udid, now=sender.now))
    raise UserChannelDeclined("users have no channel of their own here")


HANDLERS: dict[type, Callable[[Any, Sender], bytes]] = {
    Authenticate: _authenticate,
    TokenUpdate: _token_update,
    CheckOut: _check_out,
    SetBootstrapToken: _set_bootstrap_token,
    GetBootstrapToken: _get_bootstrap_token,
    UserAuthenticate: _user_authenticate,
}
