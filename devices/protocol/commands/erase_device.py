"""EraseDevice: everything on the device, at once."""

from collections.abc import Mapping

from devices.errors import CommandInvalid, ParameterInvalid
from devices.protocol.access_rights import ERASE
from devices.protocol.commands.parameters import DATA, FLAG, SECRET, TEXT, Parameter
from devices.protocol.commands.pin import check_pin
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import (
    ADMINISTRATOR,
    OUTRANKING,
    Body,
    CommandType,
    Kind,
)
from devices.protocol.platform import IOS, IPADOS, MACOS
from devices.protocol.wifi_profile import check_wifi_profile


def build_erase_device(
    *,
    platform: str,
    pin: str = "",
    obliteration_behavior: str = "",
    preserve_data_plan: bool = False,
    disallow_proximity_setup: bool = False,
    return_to_service: bool = False,
    wifi_profile: bytes = b"",
) -> Body:
    """Apple device.erase.

    A Mac takes a PIN, which those without a T2 or Apple chip need, and `obliteration_behavior`
    (macOS 12): what it does where it cannot erase in place. An iPhone or iPad may keep its data
    plan, may be kept from being set up by a phone nearby, and may return to service (iOS 17):
    it sets itself up again, with the network of `wifi_profile` (a .mobileconfig). The
    profile that enrolls it then is added when it takes the command.
    """
    body: Body = {"RequestType": "EraseDevice"}
    for_mac = {"a PIN": pin, "an obliteration behaviour": obliteration_behavior}
    for_mobile = {
        "a data plan": preserve_data_plan,
        "a setup by proximity": disallow_proximity_setup,
        "Return to Service": return_to_service,
    }
    if platform != MACOS:
        _refuse(for_mac, "only a Mac is erased with")
    if platform == MACOS:
        _refuse(for_mobile, "a Mac has no such thing as")
    if wifi_profile and not return_to_service:
        raise ParameterInvalid("is for Return to Service", parameter="wifi_profile")
    if pin:
        body["PIN"] = check_pin(pin)
    if obliteration_behavior:
        body["ObliterationBehavior"] = obliteration_behavior
    if preserve_data_plan:
        body["PreserveDataPlan"] = True
    if disallow_proximity_setup:
        body["DisallowProximitySetup"] = True
    if return_to_service:
        body["ReturnToService"] = _build_return(wifi_profile, platform=platform)
    return body


def _refuse(given: Mapping[str, object], message: str) -> None:
    for what, value in given.items():
        if value:
            raise CommandInvalid(f"{message} {what}")


def _build_return(wifi_profile: bytes, *, platform: str) -> Body:
    if platform not in (IOS, IPADOS):
        raise CommandInvalid("only an iPhone or iPad returns to service")
    wifi = {"WiFiProfileData": wifi_profile} if wifi_profile else {}
    return {"Enabled": True, **wifi}


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
            on_shared_ipad=False,
        ),
        Parameter(
            "return_to_service",
            "",
            FLAG,
            "Return to Service",
            "It sets itself up and enrolls again by itself, into its group.",
            on={IOS: "17.0", MACOS: None},
        ),
        Parameter(
            "wifi_profile",
            "",
            DATA,
            "Wi-Fi profile",
            "A .mobileconfig with the network that it then joins. Not needed with a cable.",
            on={IOS: "17.0", MACOS: None},
            check=check_wifi_profile,
        ),
        Parameter(
            "pin",
            "PIN",
            SECRET,
            "PIN",
            "Six digits, for Macs without a T2 or Apple chip. Empty: random ones.",
            on={IOS: None, MACOS: "10.8"},
            check=check_pin,
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
