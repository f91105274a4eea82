"""DeviceLock, EraseDevice, RestartDevice and ShutDownDevice."""

from typing import TYPE_CHECKING

from ..profile_check import Plist
from .outcome import malformed

if TYPE_CHECKING:
    from ..device import SimulatedDevice

PIN_LENGTH = 6


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
    """Acknowledged, then gone: no CheckOut follows an erase."""
    if "PIN" in command and device.hardware.platform.is_mac:
        _require_pin(command)
    device.end_after_answer = "erased"
    return {}


def restart_device(device: "SimulatedDevice", command: Plist) -> Plist:
    """Counted, and nothing else: the simulator keeps running."""
    device.state.restarts += 1
    return {}
