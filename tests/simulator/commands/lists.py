"""What a device tells of itself beyond its facts: certificates, restrictions, users, updates."""

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding

from ..profile_check import Plist

if TYPE_CHECKING:
    from ..device import SimulatedDevice

NEXT_VERSION, NEXT_BUILD = "18.2", "22C152"


def certificate_list(device: "SimulatedDevice", command: Plist) -> Plist:
    """Its identity, and whatever roots its profiles have brought."""
    identity = device.state.identity
    if identity is None:
        return {"CertificateList": []}
    der = identity.certificate.public_bytes(Encoding.DER)
    name = identity.certificate.subject.rfc4514_string()
    return {"CertificateList": [{"CommonName": name, "IsIdentity": True, "Data": der}]}


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


def user_list(device: "SimulatedDevice", command: Plist) -> Plist:
    """The two accounts of a Mac."""
    return {
        "Users": [
            {
                "UserName": name,
                "FullName": name.title(),
                "UID": 501 + number,
                "UserGUID": f"0000000{number}-0000-4000-8000-000000000000",
                "IsLoggedIn": number == 0,
                "HasDataToSync": False,
                "DataQuota": 0,
                "DataUsed": 0,
                "MobileAccount": False,
                "HasSecureToken": True,
            }
            for number, name in enumerate(("corey", "admin"))
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
