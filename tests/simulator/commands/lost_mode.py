"""Lost mode of a supervised iPhone or iPad."""

from typing import TYPE_CHECKING

from ..profile_check import Plist
from .outcome import malformed, refuse

if TYPE_CHECKING:
    from ..device import SimulatedDevice

NOT_IN_LOST_MODE = 12067


def enable_lost_mode(device: "SimulatedDevice", command: Plist) -> Plist:
    if not {"Message", "PhoneNumber"} & command.keys():
        raise malformed("EnableLostMode needs Message or PhoneNumber")
    device.state.is_lost = True
    return {}


def disable_lost_mode(device: "SimulatedDevice", command: Plist) -> Plist:
    _require_lost(device)
    device.state.is_lost = False
    return {}


def play_lost_mode_sound(device: "SimulatedDevice", command: Plist) -> Plist:
    _require_lost(device)
    return {}


def device_location(device: "SimulatedDevice", command: Plist) -> Plist:
    """Somewhere in Bern; a device that is not in lost mode keeps it to itself."""
    _require_lost(device)
    return {
        "Latitude": 46.94809,
        "Longitude": 7.44744,
        "HorizontalAccuracy": 12.5,
        "VerticalAccuracy": 4.0,
        "Altitude": 540.0,
        "Speed": -1.0,
        "Course": -1.0,
        "Timestamp": "2026-01-01T12:00:00Z",
    }


def _require_lost(device: "SimulatedDevice") -> None:
    if not device.state.is_lost:
        raise refuse("The device is not in lost mode.", code=NOT_IN_LOST_MODE)
