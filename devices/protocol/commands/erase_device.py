"""EraseDevice: everything on the device, at once."""

from devices.errors import CommandInvalid
from devices.protocol.commands.parameters import FLAG, SECRET, TEXT, Parameter
from devices.protocol.commands.pin import check_pin
from devices.protocol.commands.requirements import ERASE, Needs
from devices.protocol.commands.table import (
    ADMINISTRATOR,
    OUTRANKING,
    Body,
    CommandType,
    Kind,
)
from devices.protocol.platform import IOS, MACOS


def build_erase_device(
    *,
    platform: str,
    pin: str = "",
    preserve_data_plan: bool = False,
    disallow_proximity_setup: bool = False,
    obliteration_behavior: str = "",
) -> Body:
    """Apple device.erase. The PIN matters on Macs without a T2 or Apple chip, which need it."""
    body: Body = {"RequestType": "EraseDevice"}
    if platform == MACOS and pin:
        body["PIN"] = check_pin(pin)
    elif pin:
        raise CommandInvalid("only a Mac is erased with a PIN")
    if preserve_data_plan:
        body["PreserveDataPlan"] = True
    if disallow_proximity_setup:
        body["DisallowProximitySetup"] = True
    if obliteration_behavior:
        body["ObliterationBehavior"] = obliteration_behavior
    return body


ERASE_DEVICE = CommandType(
    "EraseDevice",
    "Erase",
    Kind.SECURITY,
    {IOS: Needs("4.0", ERASE), MACOS: Needs("10.7", ERASE)},
    (
        Parameter(
            "preserve_data_plan",
            "PreserveDataPlan",
            FLAG,
            "Keep its cellular plan",
            on={IOS: "11.0", MACOS: None},
        ),
        Parameter(
            "disallow_proximity_setup",
            "DisallowProximitySetup",
            FLAG,
            "No set-up by a device near by",
            on={IOS: "11.3", MACOS: None},
        ),
        Parameter(
            "pin",
            "PIN",
            SECRET,
            "PIN",
            "Six digits, for Macs without a T2 or Apple chip. Empty: random ones.",
            on={IOS: None, MACOS: "10.8"},
        ),
        Parameter(
            "obliteration_behavior",
            "ObliterationBehavior",
            TEXT,
            "If “Erase all content and settings” fails",
            choices=(
                ("Default", "Obliterate the Mac"),
                ("DoNotObliterate", "Leave it as it is"),
                ("ObliterateWithWarning", "Warn, then obliterate"),
                ("Always", "Always obliterate"),
            ),
            on={IOS: None, MACOS: "12.0"},
        ),
    ),
    build_erase_device,
    needs_platform=True,
    note="Everything on the device is deleted. This cannot be undone.",
    is_destructive=True,
    is_unique=True,
    minimum_role=ADMINISTRATOR,
    priority=OUTRANKING,
)
