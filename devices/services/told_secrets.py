"""What answers do to secrets: confirm those that a command has set, keep those that it tells.

Answers are stored with their secrets withheld, so this reads the answer itself.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from devices.errors import PlistInvalid
from devices.models import (
    Command,
    CommandState,
    Enrollment,
    EnrollmentState,
    EscrowedSecret,
    SecretKind,
)
from devices.protocol.reading import LONGEST_DATA
from devices.protocol.recovery_key import open_recovery_key
from devices.selectors import get_command_body
from devices.services.escrow import get_reply_key, keep_secret
from devices.signals import recovery_key_lost
from organization.errors import SecretUnreadable

log = logging.getLogger(__name__)
Answer = dict[str, Any]
LONGEST = 1024
LOST_KEY = "The Mac has a new recovery key, but what it sent of it cannot be opened."
NO_KEY = "The Mac says that it has a new recovery key, and has sent none."
LOCATION = ("Latitude", "Longitude", "HorizontalAccuracy", "Altitude", "Speed", "Timestamp")


def settle_secrets(command: Command, *, answer: Answer, now: datetime) -> None:
    """Confirm or forget what the finished command was to set, and keep what it tells.

    What was handed out twice may have been done the first time, and refused the second because
    the current password had changed: such a secret is not forgotten, but stays unconfirmed.
    """
    done = command.state == CommandState.ACKNOWLEDGED
    if command.request_type in SETTING:
        rows = EscrowedSecret.objects.filter(command_uuid=command.uuid, confirmed_at=None)
        if done:
            rows.update(confirmed_at=now, updated_at=now)
        elif command.attempts <= 1:
            rows.delete()
    if done and command.request_type in TELLING:
        TELLING[command.request_type](command, answer, now)


def concerns_secrets(command: Command) -> bool:
    """Whether settle_secrets has anything to do for the command, whatever it was answered."""
    return command.request_type in CONCERNED


def _keep_bypass_code(command: Command, answer: Answer, now: datetime) -> None:
    code = answer.get("ActivationLockBypassCode")
    if isinstance(code, str) and 0 < len(code) <= LONGEST:
        _keep(command, kind=SecretKind.BYPASS_CODE, value=code, now=now)


def _keep_unlock_token(command: Command, answer: Answer, now: datetime) -> None:
    token = answer.get("UnlockToken")
    if isinstance(token, bytes) and 0 < len(token) <= LONGEST_DATA:
        # Only while it is going on: one that ends at this moment must not keep a secret.
        live = Enrollment.objects.filter(pk=command.enrollment_id, state=EnrollmentState.LIVE)
        live.update(unlock_token=token, updated_at=now)


def _keep_location(command: Command, answer: Answer, now: datetime) -> None:
    told = {key: answer[key] for key in LOCATION if isinstance(answer.get(key), int | float | str)}
    if {"Latitude", "Longitude"} <= told.keys():
        value = json.dumps(told)
        if len(value) <= LONGEST:
            _keep(command, kind=SecretKind.LOCATION, value=value, now=now)


def _keep_recovery_key(command: Command, answer: Answer, now: datetime) -> None:
    told = answer.get("RotateResult")
    envelope = told.get("EncryptedNewRecoveryKey") if isinstance(told, dict) else None
    if not isinstance(envelope, bytes):
        if _is_envelope_due(command):
            _tell_lost_key(command, reason="no recovery key came", words=NO_KEY)
        return
    try:
        reply_key = get_reply_key(command.enrollment, now=now)
        value = open_recovery_key(envelope, reply_key=reply_key)
    except ValueError as error:
        _tell_lost_key(command, reason=str(error), words=LOST_KEY)
        return
    _keep(command, kind=SecretKind.FILEVAULT_KEY, value=value, now=now)


def _is_envelope_due(command: Command) -> bool:
    """An institutional key has none, nor has a raw command without a certificate for it."""
    try:
        return "ReplyEncryptionCertificate" in get_command_body(command)
    except (PlistInvalid, SecretUnreadable):
        return False


def _tell_lost_key(command: Command, *, reason: str, words: str) -> None:
    """The Mac has obeyed, and nobody has its new key: that is no success.

    The envelope stays in the command's result, for whoever can open it.
    """
    log.error("%s: %s", command.public_id, reason)
    command.state = CommandState.ERROR
    command.error_chain = [{"ErrorDomain": command.request_type, "USEnglishDescription": words}]
    Command.objects.filter(pk=command.pk).update(
        state=command.state, error_chain=command.error_chain
    )
    recovery_key_lost.send(Enrollment, enrollment=command.enrollment, command=command)


def _keep(command: Command, *, kind: str, value: str, now: datetime) -> None:
    keep_secret(
        command.enrollment, kind=kind, value=value, command_uuid=command.uuid, confirmed_at=now
    )


SETTING = frozenset({"SetRecoveryLock", "SetFirmwarePassword", "SetAutoAdminPassword"})
TELLING: dict[str, Callable[[Command, Answer, datetime], None]] = {
    "ActivationLockBypassCode": _keep_bypass_code,
    "RequestUnlockToken": _keep_unlock_token,
    "DeviceLocation": _keep_location,
    "RotateFileVaultKey": _keep_recovery_key,
}
CONCERNED = SETTING | TELLING.keys()
