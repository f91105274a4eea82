"""InstallProfile, RemoveProfile and ProfileList on the device's own store."""

from typing import TYPE_CHECKING, Any

from ..errors import SimulationFailure
from ..habits import Misbehaviour
from ..installing import install_managed_profile
from ..profile_check import Plist
from ..state import InstalledProfile
from .outcome import (
    INSTALLATION_DOMAIN,
    MDM_DOMAIN,
    PROFILE_DOMAIN,
    CommandRefused,
    build_error,
    refuse,
    require_key,
)

if TYPE_CHECKING:
    from ..device import SimulatedDevice

SUMMARY_KEYS = (
    "PayloadUUID",
    "PayloadIdentifier",
    "PayloadVersion",
    "PayloadDisplayName",
    "PayloadOrganization",
    "PayloadDescription",
)


def install_profile(device: "SimulatedDevice", command: Plist) -> Plist:
    """Installs or replaces by PayloadIdentifier; the MDM profile's own is a renewal."""
    require_key(command, "Payload", kind=bytes)
    try:
        if device.habits.does(Misbehaviour.REFUSES_PROFILES):
            raise SimulationFailure("the payload is not supported here")
        install_managed_profile(device, command["Payload"])
    except SimulationFailure as failure:
        raise CommandRefused(
            [
                build_error("Profile Installation Failed", code=4001, domain=INSTALLATION_DOMAIN),
                build_error(
                    f"The profile could not be installed: {failure.reason}",
                    code=1009,
                    domain=PROFILE_DOMAIN,
                ),
            ]
        ) from failure
    return {}


def remove_profile(device: "SimulatedDevice", command: Plist) -> Plist:
    """Removes a managed profile; the MDM profile's removal ends management."""
    require_key(command, "Identifier", kind=str)
    identifier = command["Identifier"]
    if identifier not in device.profiles:
        text = f"The profile “{identifier}” is not installed."
        if device.hardware.platform.is_mac:
            raise refuse(text, code=89, domain="MDMClientError")
        raise refuse(text, code=12075, domain=MDM_DOMAIN)
    if identifier == device.state.mdm_identifier:
        device.end_after_answer = "unenrolled"
    else:
        del device.profiles[identifier]
    return {}


def profile_list(device: "SimulatedDevice", command: Plist) -> Plist:
    """Every installed profile, or the managed ones when ManagedOnly."""
    managed_only = command.get("ManagedOnly", False)
    return {
        "ProfileList": [
            describe_profile(profile)
            for profile in device.profiles.values()
            if profile.is_managed or not managed_only
        ]
    }


def describe_profile(profile: InstalledProfile) -> Plist:
    """One ProfileListItem."""
    plist = profile.plist
    item: Plist = _pick(plist)
    item |= {
        "PayloadRemovalDisallowed": bool(plist.get("PayloadRemovalDisallowed", False)),
        "HasRemovalPasscode": bool(plist.get("HasRemovalPasscode", False)),
        "IsEncrypted": bool(plist.get("IsEncrypted", False)),
        "IsManaged": profile.is_managed,
        "PayloadContent": [
            {"PayloadType": each["PayloadType"], **_pick(each)} for each in plist["PayloadContent"]
        ],
    }
    if profile.signers:
        item["SignerCertificates"] = profile.signers
    return item


def _pick(plist: Plist) -> dict[str, Any]:
    return {key: plist[key] for key in SUMMARY_KEYS if key in plist}
