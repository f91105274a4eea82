"""What the server adds to a command before it is built: tokens, certificates, new passwords."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from devices.errors import CommandInvalid, ParameterInvalid
from devices.models import Enrollment, SecretKind
from devices.protocol.commands import generate_password, generate_pin
from devices.protocol.platform import MACOS
from devices.protocol.recovery_key import get_reply_certificate
from devices.services.escrow import find_secret, get_reply_key

NOT_KEPT = "none is kept here: give it"


@dataclass
class Supply:
    """The parameters of a command to come, and the secrets that are kept along with it."""

    enrollment: Enrollment
    parameters: dict[str, Any]
    now: datetime
    secrets: dict[str, str] = field(default_factory=dict)


def supply(
    name: str, *, enrollment: Enrollment, parameters: Mapping[str, Any], now: datetime
) -> Supply:
    """Return the parameters with what the server adds; raises CommandInvalid."""
    supplied = Supply(enrollment, dict(parameters), now)
    if name in SUPPLIERS:
        SUPPLIERS[name](supplied)
    return supplied


def _supply_pin(supplied: Supply) -> None:
    is_mac = supplied.enrollment.device.platform == MACOS
    if is_mac and not supplied.parameters.get("pin"):
        supplied.parameters["pin"] = generate_pin()


def _supply_unlock_token(supplied: Supply) -> None:
    token = supplied.enrollment.unlock_token
    if token is None:
        raise CommandInvalid("the device has not handed over an unlock token")
    supplied.parameters["unlock_token"] = token


def _supply_new_password(kind: str) -> Callable[[Supply], None]:
    """A new password beside the current one, which is the one kept here unless it is given."""

    def add(supplied: Supply) -> None:
        given = supplied.parameters
        if not given.get("current_password"):
            given["current_password"] = find_secret(supplied.enrollment, kind=kind)
        if not given["current_password"]:
            del given["current_password"]
        if given.get("remove"):
            if given.get("new_password"):
                raise ParameterInvalid("is not given where it is removed", parameter="new_password")
            given["new_password"] = ""
        elif not given.get("new_password"):
            given["new_password"] = generate_password()
        supplied.secrets[kind] = given["new_password"]

    return add


def _supply_kept_password(kind: str) -> Callable[[Supply], None]:
    def add(supplied: Supply) -> None:
        if not supplied.parameters.get("password"):
            kept = find_secret(supplied.enrollment, kind=kind)
            if not kept:
                raise ParameterInvalid(NOT_KEPT, parameter="password")
            supplied.parameters["password"] = kept

    return add


def _supply_admin_password(supplied: Supply) -> None:
    if not supplied.parameters.get("password"):
        supplied.parameters["password"] = generate_password()
    supplied.secrets[SecretKind.ADMIN_PASSWORD] = supplied.parameters["password"]


def _supply_reply_certificate(supplied: Supply) -> None:
    given = supplied.parameters
    if given.get("key_type") == "institutional":
        if not given.get("new_certificate"):
            raise ParameterInvalid("an institutional key needs one", parameter="new_certificate")
    else:
        reply_key = get_reply_key(supplied.enrollment, now=supplied.now)
        given["reply_encryption_certificate"] = get_reply_certificate(reply_key)
    _supply_kept_password(SecretKind.FILEVAULT_KEY)(supplied)


def _supply_request_uuid(supplied: Supply) -> None:
    supplied.parameters["device_request_uuid"] = str(uuid.uuid4()).upper()


SUPPLIERS: dict[str, Callable[[Supply], None]] = {
    "DeviceLock": _supply_pin,
    "EraseDevice": _supply_pin,
    "ClearPasscode": _supply_unlock_token,
    "SetRecoveryLock": _supply_new_password(SecretKind.RECOVERY_LOCK),
    "VerifyRecoveryLock": _supply_kept_password(SecretKind.RECOVERY_LOCK),
    "SetFirmwarePassword": _supply_new_password(SecretKind.FIRMWARE_PASSWORD),
    "VerifyFirmwarePassword": _supply_kept_password(SecretKind.FIRMWARE_PASSWORD),
    "RotateFileVaultKey": _supply_reply_certificate,
    "SetAutoAdminPassword": _supply_admin_password,
    "LOMDeviceRequest": _supply_request_uuid,
}
