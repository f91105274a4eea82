"""InstallApplication and its lists; an accepted app is installed at once."""

from typing import TYPE_CHECKING

import httpx

from ..errors import SimulationFailure
from ..packages import FetchedPackage, fetch_packages, read_manifest
from ..profile_check import Plist
from ..state import InstalledApplication
from .outcome import malformed, refuse, require_key

if TYPE_CHECKING:
    from ..device import SimulatedDevice

ALREADY_INSTALLED = 12026
NOT_MANAGED = 12027
NOT_FETCHED = 12078


def install_application(device: "SimulatedDevice", command: Plist) -> Plist:
    """Accepts an app by store id or bundle identifier, or fetches what a manifest describes."""
    identifier, version = _find_app(device, command)
    known = device.applications.get(identifier)
    is_update = known is not None and known.version != version
    asked = "ChangeManagementState" in command or "Configuration" in command
    if known and not asked and not is_update:
        text = f"The app “{identifier}” is already installed."
        refusal = refuse(text, code=ALREADY_INSTALLED)
        refusal.extra = {"RejectionReason": "AppAlreadyInstalled", "Identifier": identifier}
        raise refusal
    # What it is configured with when it is installed again stays as it is without another.
    configured = known.configuration if known else None
    device.applications[identifier] = InstalledApplication(
        identifier=identifier,
        management_flags=command.get("ManagementFlags", 0),
        store_id=command.get("iTunesStoreID"),
        configuration=command.get("Configuration", configured),
        version=version,
    )
    return {"Identifier": identifier, "State": "Installing"}


def _find_app(device: "SimulatedDevice", command: Plist) -> tuple[str, str]:
    """Bundle identifier and version."""
    if isinstance(command.get("ManifestURL"), str):
        [fetched] = _fetch(device, command)
        return fetched.identifier, fetched.version
    for key, kind, form in (("Identifier", str, "{}"), ("iTunesStoreID", int, "app.store.id{}")):
        value = command.get(key)
        if isinstance(value, kind):
            return form.format(value), "1.0"
    raise malformed("InstallApplication needs iTunesStoreID, Identifier or ManifestURL")


def _fetch(device: "SimulatedDevice", command: Plist) -> list[FetchedPackage]:
    try:
        manifest = command.get("Manifest")
        if manifest is None:
            manifest = read_manifest(device.http, url=command["ManifestURL"])
        return fetch_packages(device.http, manifest=manifest)
    except SimulationFailure as failure:
        raise refuse(failure.reason, code=NOT_FETCHED) from failure
    except httpx.HTTPError as error:
        raise refuse(f"The package could not be fetched: {error}", code=NOT_FETCHED) from error


def install_enterprise_application(device: "SimulatedDevice", command: Plist) -> Plist:
    """A Mac's package: fetched, checked, and then there with its identifier and version."""
    if ("Manifest" in command) == ("ManifestURL" in command):
        raise malformed("InstallEnterpriseApplication needs Manifest or ManifestURL")
    for fetched in _fetch(device, command):
        device.state.packages[fetched.identifier] = fetched.version
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
                "HasFeedback": bool(app.feedback),
                "IsValidated": True,
                "ExternalVersionIdentifier": app.store_id or 1,
            }
            for identifier, app in device.applications.items()
            if wanted is None or identifier in wanted
        }
    }
