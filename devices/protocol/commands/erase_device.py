"""EraseDevice: everything on the device, at once."""

from devices.errors import CommandInvalid
from devices.protocol.commands.pin import check_pin
from devices.protocol.commands.table import Body
from devices.protocol.platform import MACOS


def build_erase_device(*, platform: str, pin: str = "") -> Body:
    """Apple device.erase. The PIN matters on Macs without a T2 or Apple chip, which need it."""
    body: Body = {"RequestType": "EraseDevice"}
    if platform == MACOS and pin:
        body["PIN"] = check_pin(pin)
    elif pin:
        raise CommandInvalid("only a Mac is erased with a PIN")
    return body
