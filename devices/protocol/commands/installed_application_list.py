"""InstalledApplicationList: which apps the device has."""

from devices.protocol.commands.table import Body


def build_installed_application_list(*, managed_apps_only: bool = False) -> Body:
    """Ask for every app, or for those that this server has installed; Apple application.installed.

    Without Items: the systems that know it (iOS 14) would leave out what is not named there,
    Macs know it not at all.
    """
    body: Body = {"RequestType": "InstalledApplicationList"}
    return body | {"ManagedAppsOnly": True} if managed_apps_only else body
