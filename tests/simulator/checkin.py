"""The check-in messages, with exactly the keys of Apple's schema mdm/checkin."""

import secrets

from .hardware import Hardware
from .profile_check import Plist
from .state import DeviceState

CHECKIN_TYPE = "application/x-apple-aspen-mdm-checkin"
CONNECT_TYPE = "application/x-apple-aspen-mdm"


def build_authenticate(hardware: Hardware, *, topic: str) -> Plist:
    """Authenticate; DeviceName and the models are sent by Macs, IMEI by phones."""
    platform = hardware.platform
    message: Plist = {
        "MessageType": "Authenticate",
        "Topic": topic,
        "UDID": hardware.udid,
        "OSVersion": platform.os_version,
        "BuildVersion": platform.build_version,
        "ProductName": platform.product_name,
        "SerialNumber": hardware.serial,
    }
    if platform.is_mac:
        message |= {
            "DeviceName": hardware.name,
            "Model": platform.model,
            "ModelName": platform.model_name,
        }
    if hardware.imei:
        message["IMEI"] = hardware.imei
    return message


def build_token_update(hardware: Hardware, *, topic: str, state: DeviceState) -> Plist:
    """TokenUpdate; the UnlockToken comes once and never from a Mac."""
    message: Plist = {
        "MessageType": "TokenUpdate",
        "Topic": topic,
        "UDID": hardware.udid,
        "Token": state.token,
        "PushMagic": state.push_magic,
    }
    if hardware.platform.is_mac:
        message["NotOnConsole"] = False
    elif not state.unlock_token_sent:
        message["UnlockToken"] = secrets.token_bytes(1024)
    return message


def build_message(hardware: Hardware, *, kind: str) -> Plist:
    """The keys of a message that has no others of its own."""
    return {"MessageType": kind, "UDID": hardware.udid}


def build_check_out(hardware: Hardware, *, topic: str) -> Plist:
    """CheckOut, the device's farewell."""
    return {"MessageType": "CheckOut", "Topic": topic, "UDID": hardware.udid}


def build_idle(hardware: Hardware) -> Plist:
    """The first message of every connection."""
    return {"Status": "Idle", "UDID": hardware.udid}
