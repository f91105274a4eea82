"""Settings, provisioning profiles, books, mirroring: what a device accepts and remembers."""

import uuid
from typing import TYPE_CHECKING

from ..profile_check import Plist
from .app_data import configure
from .outcome import malformed, refuse, require_key

if TYPE_CHECKING:
    from ..device import SimulatedDevice

NO_SUCH_PROFILE = 12075


def accept(device: "SimulatedDevice", command: Plist) -> Plist:
    """Acknowledged, and nothing that a server could see."""
    return {}


def settings(device: "SimulatedDevice", command: Plist) -> Plist:
    """Each item is remembered, and answered for on its own."""
    require_key(command, "Settings", kind=list)
    return {"Settings": [_set(device, item) for item in command["Settings"]]}


def _set(device: "SimulatedDevice", item: Plist) -> Plist:
    require_key(item, "Item", kind=str)
    device.state.settings[item["Item"]] = item
    if item["Item"] == "ApplicationConfiguration":
        return configure(device, item)
    return {"Status": "Acknowledged", "Item": item["Item"]}


def install_provisioning_profile(device: "SimulatedDevice", command: Plist) -> Plist:
    require_key(command, "ProvisioningProfile", kind=bytes)
    device.state.provisioning_profiles.append(str(uuid.uuid4()))
    return {}


def remove_provisioning_profile(device: "SimulatedDevice", command: Plist) -> Plist:
    require_key(command, "UUID", kind=str)
    if command["UUID"] not in device.state.provisioning_profiles:
        raise refuse("The provisioning profile is not installed.", code=NO_SUCH_PROFILE)
    device.state.provisioning_profiles.remove(command["UUID"])
    return {}


def managed_media_list(device: "SimulatedDevice", command: Plist) -> Plist:
    return {"Books": [{"iTunesStoreID": n, "State": "Managed"} for n in device.state.books]}


def install_media(device: "SimulatedDevice", command: Plist) -> Plist:
    """A book of the store is there at once."""
    if ("iTunesStoreID" in command) == ("MediaURL" in command):
        raise malformed("InstallMedia needs exactly one of iTunesStoreID and MediaURL")
    if "iTunesStoreID" in command:
        device.state.books.append(command["iTunesStoreID"])
    return {"MediaType": "Book", "State": "Queued"}


def managed_application_attributes(device: "SimulatedDevice", command: Plist) -> Plist:
    require_key(command, "Identifiers", kind=list)
    return {
        "ApplicationAttributes": [
            {"Identifier": identifier, "Attributes": {}}
            for identifier in command["Identifiers"]
            if identifier in device.applications
        ]
    }


def request_mirroring(device: "SimulatedDevice", command: Plist) -> Plist:
    if not {"DestinationName", "DestinationDeviceID"} & command.keys():
        raise malformed("RequestMirroring needs a destination")
    return {"MirroringResult": "Prompting"}


def scan(device: "SimulatedDevice", command: Plist) -> Plist:
    return {"ScanInitiated": True}


def content_caching_information(device: "SimulatedDevice", command: Plist) -> Plist:
    return {"StatusResponse": {"Activated": False, "Active": False, "CacheUsed": 0}}


def lom_setup_request(device: "SimulatedDevice", command: Plist) -> Plist:
    return {
        "PrimaryIPv6AddressList": ["fe80::1"],
        "SecondaryIPv6AddressList": ["fe80::2"],
        "LOMProtocolVersion": 1,
    }


def lom_device_request(device: "SimulatedDevice", command: Plist) -> Plist:
    require_key(command, "RequestList", kind=list)
    return {
        "ResponseList": [
            {"DeviceRequestSuccess": True, "DeviceRequestUUID": each["DeviceRequestUUID"]}
            for each in command["RequestList"]
        ]
    }


def invite_to_program(device: "SimulatedDevice", command: Plist) -> Plist:
    require_key(command, "InvitationURL", kind=str)
    return {"InvitationResult": "Acknowledged"}
