"""DeviceLock: an iPhone's screen, or a Mac until its PIN is typed."""

from devices.errors import CommandInvalid
from devices.protocol.commands.pin import check_pin
from devices.protocol.commands.table import Body
from devices.protocol.platform import MACOS


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
