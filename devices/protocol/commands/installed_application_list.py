"""InstalledApplicationList: every app, or those that are managed."""

from collections.abc import Iterable

from devices.protocol.access_rights import QUERY_APPS
from devices.protocol.commands.parameters import FLAG, TEXTS, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS

ITEMS = tuple(
    (name, name)
    for name in (
        *("Identifier", "Name", "ShortVersion", "Version", "BundleSize", "DynamicSize"),
        *("Installing", "IsValidated", "AppStoreVendable", "DeviceBasedVPP", "AdHocCodeSigned"),
        *("BetaApp", "IsAppClip", "HasUpdateAvailable", "ExternalVersionIdentifier"),
        "DistributorIdentifier",
    )
)
SINCE: dict[str, str | None] = {IOS: "7.0", MACOS: "10.15"}

INSTALLED_APPLICATION_LIST = CommandType(
    "InstalledApplicationList",
    "Ask for its installed apps",
    Kind.INFORMATION,
    {IOS: Needs("5.0", QUERY_APPS), MACOS: Needs("10.7", QUERY_APPS)},
    (
        Parameter(
            "identifiers",
            "Identifiers",
            TEXTS,
            "Bundle identifiers",
            "One a line; none: all.",
            on=SINCE,
        ),
        Parameter("managed_only", "ManagedAppsOnly", FLAG, "Only managed ones", on=SINCE),
        Parameter(
            "items",
            "Items",
            TEXTS,
            "Facts to ask for",
            "None: all.",
            choices=ITEMS,
            on={IOS: "14.0", MACOS: None},
        ),
    ),
)


def build_installed_application_list(
    identifiers: Iterable[str] = (), *, managed_apps_only: bool = False
) -> Body:
    """Ask for the apps with these bundle identifiers, or for all; Apple application.installed.

    Without Items: the systems that know it (iOS 14) would leave out what is not named there,
    Macs know it not at all.
    """
    body: Body = {"RequestType": "InstalledApplicationList"}
    if wanted := list(identifiers):
        body["Identifiers"] = wanted
    return body | {"ManagedAppsOnly": True} if managed_apps_only else body
