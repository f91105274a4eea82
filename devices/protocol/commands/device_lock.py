"""DeviceLock: an iPhone's screen, or a Mac until its PIN is typed."""

from devices.errors import CommandInvalid
from devices.protocol.access_rights import LOCK
from devices.protocol.commands.parameters import SECRET, TEXT, Parameter
from devices.protocol.commands.pin import check_pin
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import OUTRANKING, Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS


def build_device_lock(
    *, platform: str, pin: str = "", message: str = "", phone_number: str = ""
) -> Body:
    """Apple device.lock. A Mac needs a PIN, its only way back in; other devices take none."""
    body: Body = {"RequestType": "DeviceLock"}
    if platform == MACOS:
        body["PIN"] = check_pin(pin)
    elif pin:
        raise CommandInvalid("only a Mac is locked with a PIN")
    if message:
        body["Message"] = message
    if phone_number:
        body["PhoneNumber"] = phone_number
    return body


DEVICE_LOCK = CommandType(
    "DeviceLock",
    "Lock",
    Kind.SECURITY,
    {IOS: Needs("4.0", LOCK), MACOS: Needs("10.7", LOCK)},
    (
        Parameter(
            "message",
            "Message",
            TEXT,
            "Message on the lock screen",
            on={IOS: "7.0", MACOS: "10.14"},
        ),
        Parameter(
            "phone_number",
            "PhoneNumber",
            TEXT,
            "Phone number",
            on={IOS: "7.0", MACOS: "11.5"},
        ),
        Parameter(
            "pin",
            "PIN",
            SECRET,
            "PIN",
            "Six digits that unlock the Mac. Empty: random ones; the command reveals them.",
            on={IOS: None, MACOS: "10.8"},
            check=check_pin,
        ),
    ),
    build_device_lock,
    needs_platform=True,
    is_unique=True,
    priority=OUTRANKING,
)
