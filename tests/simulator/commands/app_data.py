"""What managed apps and their organization tell each other: configuration and feedback."""

from typing import TYPE_CHECKING

from ..profile_check import Plist
from ..state import InstalledApplication
from .outcome import build_error, require_key

if TYPE_CHECKING:
    from ..device import SimulatedDevice

NOT_MANAGED = 12027


def _find(device: "SimulatedDevice", identifiers: list[str]) -> list[InstalledApplication]:
    return [device.applications[each] for each in identifiers if each in device.applications]


def managed_application_configuration(device: "SimulatedDevice", command: Plist) -> Plist:
    """The configurations of those among Identifiers that are managed."""
    require_key(command, "Identifiers", kind=list)
    found = _find(device, command["Identifiers"])
    return {
        "ApplicationConfigurations": [
            {"Identifier": app.identifier}
            | ({"Configuration": app.configuration} if app.configuration else {})
            for app in found
        ]
    }


def managed_application_feedback(device: "SimulatedDevice", command: Plist) -> Plist:
    """What apps have left; DeleteFeedback has it forgotten."""
    require_key(command, "Identifiers", kind=list)
    found = _find(device, command["Identifiers"])
    entries = [
        {"Identifier": app.identifier} | ({"Feedback": app.feedback} if app.feedback else {})
        for app in found
    ]
    if command.get("DeleteFeedback"):
        for app in found:
            app.feedback = None
    return {"ManagedApplicationFeedback": entries}


def configure(device: "SimulatedDevice", setting: Plist) -> Plist:
    """The setting ApplicationConfiguration, with a status of its own."""
    identifier = setting["Identifier"]
    app = device.applications.get(identifier)
    if app is None:
        chain = [build_error(f"The app “{identifier}” is not managed.", code=NOT_MANAGED)]
        return {"Status": "Error", "ErrorChain": chain, "Identifier": identifier}
    app.configuration = setting.get("Configuration")
    return {"Status": "Acknowledged", "Identifier": identifier}
