"""Check-in messages: a table from the message's kind to the use case it asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from devices.models import GOING, DeviceStatus, Enrollment, EnrollmentState
from devices.protocol.channel import User
from devices.protocol.checkin import (
    Authenticate,
    Checkin,
    CheckOut,
    DeclarativeManagement,
    GetBootstrapToken,
    GetToken,
    SetBootstrapToken,
    TokenUpdate,
)
from devices.protocol.identity import Proof
from devices.protocol.plist import encode_plist
from devices.protocol.reply import Reply
from devices.selectors import find_live_enrollment
from devices.services.authenticate import authenticate
from devices.services.declarative import manage_declaratively
from devices.services.get_token import refuse_token
from devices.services.known_token import renew_known_token
from devices.services.locks import lock_device
from devices.services.presence import note_presence
from devices.services.refusals import naming_sender
from devices.services.removal import end_enrollment
from devices.services.sender import check_not_over, find_sender, get_sender, identify_sender
from devices.services.status import set_status
from devices.services.token_update import token_update
from devices.services.user_checkin import receive_user_message
from devices.signals import device_checked_out
from organization.protocol.caller import AskCaller
from scep.models import IssuedCertificate

CHECKED_OUT = "The management profile was removed from the device."


@dataclass(frozen=True)
class Sender:
    """What came with a message: whose certificate, which challenge, when, from where."""

    certificate: IssuedCertificate
    challenge: str
    now: datetime
    ask_caller: AskCaller


def receive_checkin(
    message: Checkin,
    *,
    proof: Proof,
    certificate: IssuedCertificate | None,
    challenge: str,
    now: datetime,
    ask_caller: AskCaller,
) -> Reply:
    """Do what the message asks and return the answer, usually an empty one.

    `certificate`: the proof's, where it had to be looked up before. Raises MessageRefused,
    AdmissionRefused, MessageInvalid, UserChannelDeclined and DeclarationMissing.
    """
    if renew_known_token(message, proof=proof, now=now):
        return Reply()
    sender = Sender(certificate or identify_sender(proof, now=now), challenge, now, ask_caller)
    with naming_sender(sender.certificate, udid=message.udid):
        if message.user is not None:
            return _receive_of_user(message, message.user, sender)
        return HANDLERS[type(message)](message, sender)


def _receive_of_user(message: Checkin, user: User, sender: Sender) -> Reply:
    # A user's farewell may come after the device's, and is true already.
    get = _get_any if isinstance(message, CheckOut) else _get_going
    enrollment = get(message, sender)
    return receive_user_message(message, user=user, enrollment=enrollment, now=sender.now)


def _get_any(message: Checkin, sender: Sender) -> Enrollment:
    return get_sender(sender.certificate, udid=message.udid, now=sender.now)


def _get_going(message: Checkin, sender: Sender) -> Enrollment:
    enrollment = _get_any(message, sender)
    check_not_over(enrollment)
    return enrollment


def _authenticate(message: Authenticate, sender: Sender) -> Reply:
    known = find_sender(sender.certificate, udid=message.udid, now=sender.now)
    if known is not None:
        # Outside the transaction, so that a refusal's warning beside the device stays.
        check_not_over(known)
    enrollment = authenticate(
        message,
        certificate=sender.certificate,
        challenge=sender.challenge,
        now=sender.now,
        caller=sender.ask_caller(),
    )
    note_presence(enrollment, now=sender.now)
    return Reply()


def _token_update(message: TokenUpdate, sender: Sender) -> Reply:
    enrollment = token_update(
        _get_going(message, sender), message=message, now=sender.now, caller=sender.ask_caller()
    )
    note_presence(enrollment, now=sender.now)
    return Reply()


def _check_out(message: CheckOut, sender: Sender) -> Reply:
    check_out(_get_any(message, sender), now=sender.now)
    return Reply()


@transaction.atomic
def check_out(enrollment: Enrollment, *, now: datetime) -> None:
    """The device leaves; an enrollment that is over already is no longer news."""
    device = lock_device(enrollment.device_id)
    if not end_enrollment(enrollment, state=EnrollmentState.CHECKED_OUT, now=now):
        return
    enrollment.device = device
    if find_live_enrollment(device) is None and device.status != DeviceStatus.UNENROLLED:
        set_status(device, status=DeviceStatus.UNENROLLED, reason=CHECKED_OUT)
    device_checked_out.send(Enrollment, enrollment=enrollment)


def _set_bootstrap_token(message: SetBootstrapToken, sender: Sender) -> Reply:
    enrollment = _get_going(message, sender)
    # Only while it is going on: one that ends at this moment must not keep a secret.
    Enrollment.objects.filter(pk=enrollment.pk, state__in=GOING).update(
        bootstrap_token=message.bootstrap_token, updated_at=sender.now
    )
    note_presence(enrollment, now=sender.now)
    return Reply()


def _get_bootstrap_token(message: GetBootstrapToken, sender: Sender) -> Reply:
    enrollment = _get_going(message, sender)
    note_presence(enrollment, now=sender.now)
    token = enrollment.bootstrap_token
    return Reply(encode_plist({"BootstrapToken": token}) if token else b"")


def _get_token(message: GetToken, sender: Sender) -> Reply:
    note_presence(_get_going(message, sender), now=sender.now)
    return refuse_token(message)


def _declarative_management(message: DeclarativeManagement, sender: Sender) -> Reply:
    enrollment = _get_going(message, sender)
    answer = manage_declaratively(message, enrollment=enrollment, now=sender.now)
    note_presence(enrollment, now=sender.now)
    return answer


HANDLERS: dict[type, Callable[[Any, Sender], Reply]] = {
    Authenticate: _authenticate,
    TokenUpdate: _token_update,
    CheckOut: _check_out,
    SetBootstrapToken: _set_bootstrap_token,
    GetBootstrapToken: _get_bootstrap_token,
    GetToken: _get_token,
    DeclarativeManagement: _declarative_management,
}
