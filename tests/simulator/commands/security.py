"""Passcodes, passwords, keys and bypass codes, as a device keeps them."""

import secrets
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ..profile_check import Plist
from .outcome import malformed, refuse, require_key

if TYPE_CHECKING:
    from ..device import SimulatedDevice

WRONG_PASSWORD, NOT_AVAILABLE = 12082, 12070


def clear_passcode(device: "SimulatedDevice", command: Plist) -> Plist:
    """Only the token that the device has handed over opens it."""
    require_key(command, "UnlockToken", kind=bytes)
    return {}


def request_unlock_token(device: "SimulatedDevice", command: Plist) -> Plist:
    """No system since iOS 7 gives another one."""
    raise refuse("The token was handed over at enrollment.", code=NOT_AVAILABLE)


def activation_lock_bypass_code(device: "SimulatedDevice", command: Plist) -> Plist:
    """A code in Apple's form, until it is cleared."""
    if device.state.bypass_code is None:
        raise refuse("There is no bypass code.", code=NOT_AVAILABLE)
    return {"ActivationLockBypassCode": device.state.bypass_code}


def clear_activation_lock_bypass_code(device: "SimulatedDevice", command: Plist) -> Plist:
    device.state.bypass_code = None
    return {}


def set_recovery_lock(device: "SimulatedDevice", command: Plist) -> Plist:
    """The current password must be right where there is one; an empty one removes it."""
    require_key(command, "NewPassword", kind=str)
    _check_current(device.state.recovery_lock, command)
    device.state.recovery_lock = command["NewPassword"]
    return {}


def verify_recovery_lock(device: "SimulatedDevice", command: Plist) -> Plist:
    return {"PasswordVerified": command.get("Password") == device.state.recovery_lock}


def set_firmware_password(device: "SimulatedDevice", command: Plist) -> Plist:
    """Like the recovery lock, but a Mac says no in an acknowledged answer."""
    require_key(command, "NewPassword", kind=str)
    known = device.state.firmware_password
    changed = not known or command.get("CurrentPassword") == known
    if changed:
        device.state.firmware_password = command["NewPassword"]
    return {"SetFirmwarePassword": {"PasswordChanged": changed}}


def verify_firmware_password(device: "SimulatedDevice", command: Plist) -> Plist:
    is_right = command.get("Password") == device.state.firmware_password
    return {"VerifyFirmwarePassword": {"PasswordVerified": is_right}}


def _check_current(known: str, command: Plist) -> None:
    if known and command.get("CurrentPassword") != known:
        raise refuse("The current password is wrong.", code=WRONG_PASSWORD)


def rotate_filevault_key(device: "SimulatedDevice", command: Plist) -> Plist:
    """A new personal key, encrypted to the certificate that came along."""
    if command.get("KeyType") == "institutional":
        require_key(command, "NewCertificate", kind=bytes)
        return {}
    require_key(command, "ReplyEncryptionCertificate", kind=bytes)
    if not command.get("FileVaultUnlock", {}).get("Password"):
        raise malformed("RotateFileVaultKey needs FileVaultUnlock.Password")
    device.state.recovery_key = "-".join(secrets.token_hex(2).upper() for _ in range(6))
    recipient = x509.load_der_x509_certificate(command["ReplyEncryptionCertificate"])
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(device.state.recovery_key.encode())
    options = [pkcs7.PKCS7Options.Binary]
    envelope = builder.add_recipient(recipient).encrypt(Encoding.DER, options)
    return {"RotateResult": {"EncryptedNewRecoveryKey": envelope}}


def set_auto_admin_password(device: "SimulatedDevice", command: Plist) -> Plist:
    """The hash is looked at, not kept."""
    require_key(command, "passwordHash", kind=bytes)
    require_key(command, "GUID", kind=str)
    return {}
