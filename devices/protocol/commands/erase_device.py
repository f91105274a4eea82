"""EraseDevice: everything on the device, at once."""

from collections.abc import Mapping

from devices.errors import CommandInvalid
from devices.protocol.commands.pin import check_pin
from devices.protocol.commands.table import Body
from devices.protocol.platform import IOS, IPADOS, MACOS

OBLITERATION = ("Default", "DoNotObliterate", "ObliterateWithWarning", "Always")


def build_erase_device(
    *,
    platform: str,
    pin: str = "",
    obliteration: str = "",
    preserve_data_plan: bool = False,
    disallow_proximity_setup: bool = False,
    return_to_service: bool = False,
    wifi_profile: bytes = b"",
) -> Body:
    """Apple device.erase.

    A Mac takes a PIN, which those without a T2 or Apple chip need, and `obliteration`
    (macOS 12): what it does where it cannot erase in place. An iPhone or iPad may keep its data
    plan, may be kept from being set up by a phone nearby, and may return to service (iOS 17):
    it sets itself up again, with the network of `wifi_profile` (a .mobileconfig). The
    profile that enrolls it then is added when it takes the command.
    """
    body: Body = {"RequestType": "EraseDevice"}
    for_mac = {"a PIN": pin, "an obliteration behaviour": obliteration}
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
        raise CommandInvalid("a Wi-Fi profile is for Return to Service")
    if pin:
        body["PIN"] = check_pin(pin)
    if obliteration:
        body["ObliterationBehavior"] = _check_obliteration(obliteration)
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


def _check_obliteration(behaviour: str) -> str:
    if behaviour not in OBLITERATION:
        raise CommandInvalid(f"the obliteration behaviour is one of {', '.join(OBLITERATION)}")
    return behaviour


def _build_return(wifi_profile: bytes, *, platform: str) -> Body:
    if platform not in (IOS, IPADOS):
        raise CommandInvalid("only an iPhone or iPad returns to service")
    wifi = {"WiFiProfileData": wifi_profile} if wifi_profile else {}
    return {"Enabled": True, **wifi}
