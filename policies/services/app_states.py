"""How far an app is, in the words of Apple's ManagedApplicationList.

Source: Apple, ManagedApplicationList, Status; InstallApplication, State.
"""

from datetime import datetime

from policies.models import ItemStatus
from policies.services.item_states import mark_failed, mark_installed

MANAGED, UNINSTALLED = "Managed", "ManagedButUninstalled"
NOTE_OF_INSTALLED = {
    MANAGED: "",
    "UserInstalledApp": "The user installed the app, so it is not managed.",
}
REASON_OF_FAILED = {
    UNINSTALLED: "The user removed the app.",
    "UserRejected": "The user declined the installation.",
    "UpdateRejected": "The user declined the update.",
    "ManagementRejected": "The user declined that the app is managed.",
    "Failed": "The installation failed on the device.",
}


def take_app_state(status: ItemStatus, *, state: str, now: datetime) -> None:
    """Settle an accepted app where its state is final; every other state is on the way."""
    if state in NOTE_OF_INSTALLED:
        mark_installed(status, now=now, note=NOTE_OF_INSTALLED[state])
    elif state in REASON_OF_FAILED:
        mark_failed(status, message=REASON_OF_FAILED[state], now=now)
