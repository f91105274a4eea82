"""DeviceLock, EraseDevice, RestartDevice and ShutDownDevice."""

from typing import TYPE_CHECKING

from ..errors import SimulationFailure
from ..profile_check import Plist, check_enrollment, check_profile
from .outcome import malformed, refuse

if TYPE_CHECKING:
    from ..device import SimulatedDevice

PIN_LENGTH = 6
NO_RETURN = 12106
WIFI = "com.apple.wifi.managed"


def device_lock(device: "SimulatedDevice", command: Plist) -> Plist:
    """A Mac takes a PIN of six digits; a phone shows Message and PhoneNumber."""
    if device.hardware.platform.is_mac:
        device.state.lock_pin = _require_pin(command)
        return {}
    if "Message" in command or "PhoneNumber" in command:
        return {"MessageResult": "Success"}
    return {}


def _require_pin(command: Plist) -> str:
    pin = command.get("PIN")
    if not isinstance(pin, str) or len(pin) != PIN_LENGTH:
        raise malformed("DeviceLock needs a PIN of six characters on a Mac")
    return pin


def erase_device(device: "SimulatedDevice", command: Plist) -> Plist:
    """Acknowledged, then gone: no CheckOut follows an erase, but maybe a return to service."""
    is_mac = device.hardware.platform.is_mac
    if "PIN" in command and is_mac:
        _require_pin(command)
    returning = command.get("ReturnToService", {})
    if returning.get("Enabled") and not is_mac:
        device.return_profile = _check_return(returning)
    device.end_after_answer = "erased"
    return {}


def _check_return(returning: Plist) -> bytes:
    """The profile to enroll with again, which a device that is not supervised must be given."""
    profile, wifi = returning.get("MDMProfileData"), returning.get("WiFiProfileData")
    if not isinstance(profile, bytes):
        raise refuse("Return to Service needs MDMProfileData.", code=NO_RETURN)
    try:
        check_enrollment(check_profile(profile, must_be_signed=True))
        if wifi is not None and not check_profile(wifi).find_payloads(WIFI):
            raise SimulationFailure("there is no Wi-Fi payload")
    except SimulationFailure as failure:
        raise refuse(f"Return to Service: {failure.reason}", code=NO_RETURN) from failure
    return profile


def restart_device(device: "SimulatedDevice", command: Plist) -> Plist:
    """Counted, and nothing else: the simulator keeps running."""
    device.state.restarts += 1
    return {}
