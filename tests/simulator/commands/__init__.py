"""The commands a device obeys: one table from RequestType to handler."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..profile_check import Plist
from . import app_data, applications, information, power, profiles
from .outcome import CommandRefused, malformed, refuse

if TYPE_CHECKING:
    from ..device import SimulatedDevice

Handler = Callable[["SimulatedDevice", Plist], Plist]

HANDLERS: dict[str, Handler] = {
    "DeviceInformation": information.device_information,
    "SecurityInfo": information.security_info,
    "ProfileList": profiles.profile_list,
    "InstallProfile": profiles.install_profile,
    "RemoveProfile": profiles.remove_profile,
    "InstallApplication": applications.install_application,
    "RemoveApplication": applications.remove_application,
    "ManagedApplicationList": applications.managed_application_list,
    "InstalledApplicationList": applications.installed_application_list,
    "ManagedApplicationConfiguration": app_data.managed_application_configuration,
    "ManagedApplicationFeedback": app_data.managed_application_feedback,
    "Settings": app_data.settings,
    "DeviceLock": power.device_lock,
    "EraseDevice": power.erase_device,
    "RestartDevice": power.restart_device,
    "ShutDownDevice": power.restart_device,
}
MAC_HANDLERS: dict[str, Handler] = {
    "InstallEnterpriseApplication": applications.install_enterprise_application,
}


def find_handler(device: "SimulatedDevice", request_type: str) -> Handler | None:
    """The handler of a RequestType on this device's platform."""
    found = HANDLERS.get(request_type)
    if found is None and device.hardware.platform.is_mac:
        found = MAC_HANDLERS.get(request_type)
    return found


def obey(device: "SimulatedDevice", command: Plist) -> Plist:
    """Status and whatever else the answer to this Command dictionary holds."""
    try:
        return {"Status": "Acknowledged"} | _run(device, command)
    except CommandRefused as refusal:
        return {"Status": refusal.status, "ErrorChain": refusal.chain, **refusal.extra}


def _run(device: "SimulatedDevice", command: Plist) -> Plist:
    request_type = command.get("RequestType")
    if not isinstance(request_type, str):
        raise malformed("the command has no RequestType")
    handler = find_handler(device, request_type)
    if handler is None:
        raise refuse(f"“{request_type}” is not a valid request type.", code=12021)
    return handler(device, command)


__all__ = ["HANDLERS", "find_handler", "obey"]
