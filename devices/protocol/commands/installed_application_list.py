"""InstalledApplicationList: which apps the device has, managed or not."""

from collections.abc import Iterable

from devices.protocol.commands.table import Body


def build_installed_application_list(
    identifiers: Iterable[str] = (), *, managed_only: bool = False
) -> Body:
    """Ask for the apps with these bundle identifiers, or for all; Apple application.list."""
    body: Body = {"RequestType": "InstalledApplicationList"}
    wanted = list(identifiers)
    if wanted:
        body["Identifiers"] = wanted
    return body | ({"ManagedAppsOnly": True} if managed_only else {})
