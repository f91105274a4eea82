"""InstallApplication and its lists; an accepted app is installed at once."""

from typing import TYPE_CHECKING

from ..profile_check import Plist
from ..state import InstalledApplication
from .outcome import malformed, refuse, require_key

if TYPE_CHECKING:
    from ..device import SimulatedDevice

ALREADY_INSTALLED = 12026
NOT_MANAGED = 12027


def install_application(device: "SimulatedDevice", command: Plist) -> Plist:
    """Accepts an app by store id, bundle identifier or manifest."""
    identifier = _find_identifier(command)
    known = device.applications.get(identifier)
    if known and "ChangeManagementState" not in command and "Configuration" not in command:
        text = f"The app “{identifier}” is already installed."
        refusal = refuse(text, code=ALREADY_INSTALLED)
        refusal.extra = {"RejectionReason": "AppAlreadyInstalled", "Identifier": identifier}
        raise refusal
    device.applications[identifier] = InstalledApplication(
        identifier=identifier,
        management_flags=command.get("ManagementFlags", 0),
        store_id=command.get("iTunesStoreID"),
        configuration=command.get("Configuration"),
    )
    return {"Identifier": identifier, "State": "Installing"}


def _find_identifier(command: Plist) -> str:
    for key, kind, form in (
        ("Identifier", str, "{}"),
        ("iTunesStoreID", int, "app.store.id{}"),
        ("ManifestURL", str, "app.manifest.{}"),
    ):
        value = command.get(key)
        if isinstance(value, kind):
            return form.format(value)
    raise malformed("InstallApplication needs iTunesStoreID, Identifier or ManifestURL")


def install_enterprise_application(device: "SimulatedDevice", command: Plist) -> Plist:
    """A Mac's package; only the presence of a manifest is checked."""
    if "Manifest" not in command and "ManifestURL" not in command:
        raise malformed("InstallEnterpriseApplication needs Manifest or ManifestURL")
    return {}


def remove_application(device: "SimulatedDevice", command: Plist) -> Plist:
    """Removes a managed app, refuses one that is not managed."""
    require_key(command, "Identifier", kind=str)
    if device.applications.pop(command["Identifier"], None) is None:
        raise refuse(f"The app “{command['Identifier']}” is not managed.", code=NOT_MANAGED)
    return {}


def managed_application_list(device: "SimulatedDevice", command: Plist) -> Plist:
    """Every managed app as Managed, or those among Identifiers."""
    wanted = command.get("Identifiers")
    return {
        "ManagedApplicationList": {
            identifier: {
                "Status": "Managed",
                "ManagementFlags": app.management_flags,
                "UnusedRedemptionCode": "",
                "HasConfiguration": app.configuration is not None,
                "HasFeedback": False,
                "IsValidated": True,
                "ExternalVersionIdentifier": app.store_id or 1,
            }
            for identifier, app in device.applications.items()
            if wanted is None or identifier in wanted
        }
    }
