"""What a device tells of itself beyond its facts: restrictions, in-house profiles, updates."""

from typing import TYPE_CHECKING

from ..profile_check import Plist

if TYPE_CHECKING:
    from ..device import SimulatedDevice

NEXT_VERSION, NEXT_BUILD = "18.2", "22C152"


def restrictions(device: "SimulatedDevice", command: Plist) -> Plist:
    """Nothing is forbidden; the passcode has a shortest length."""
    told = {
        "restrictedBool": {"allowCamera": {"value": True}},
        "restrictedValue": {"minLength": {"value": 6}},
    }
    answer: Plist = {"GlobalRestrictions": told}
    if command.get("ProfileRestrictions"):
        answer["ProfileRestrictions"] = dict.fromkeys(device.profiles, told)
    return answer


def provisioning_profile_list(device: "SimulatedDevice", command: Plist) -> Plist:
    """What InstallProvisioningProfile has brought, by a made-up UUID."""
    return {
        "ProvisioningProfileList": [
            {"Name": "In-house apps", "UUID": uuid} for uuid in device.state.provisioning_profiles
        ]
    }


def available_os_updates(device: "SimulatedDevice", command: Plist) -> Plist:
    """One update, which needs a restart."""
    return {
        "AvailableOSUpdates": [
            {
                "ProductKey": _get_product_key(device),
                "HumanReadableName": f"Version {NEXT_VERSION}",
                "HumanReadableNameLocale": "en",
                "MetadataURL": "https://swscan.example.com/update",
                "ProductName": device.hardware.platform.name,
                "Version": NEXT_VERSION,
                "Build": NEXT_BUILD,
                "DownloadSize": 1_234_567_890,
                "InstallSize": 2_345_678_901,
                "AppIdentifiersToClose": [],
                "RestartRequired": True,
                "IsSecurityResponse": False,
            }
        ]
    }


def os_update_status(device: "SimulatedDevice", command: Plist) -> Plist:
    """The update that was asked for is half here."""
    return {
        "OSUpdateStatus": [
            {
                "ProductKey": _get_product_key(device),
                "IsDownloaded": False,
                "DownloadPercentComplete": 0.5,
                "Status": "Downloading",
            }
        ]
        if device.state.updates
        else []
    }


def schedule_os_update(device: "SimulatedDevice", command: Plist) -> Plist:
    """Every update of the list is taken and begins to load."""
    actions = [update["InstallAction"] for update in command["Updates"]]
    device.state.updates += actions
    return {
        "UpdateResults": [
            {
                "ProductKey": _get_product_key(device),
                "InstallAction": "DownloadOnly" if action == "Default" else action,
                "Status": "Downloading",
            }
            for action in actions
        ]
    }


def _get_product_key(device: "SimulatedDevice") -> str:
    return f"{device.hardware.platform.name}Update{NEXT_VERSION}"
