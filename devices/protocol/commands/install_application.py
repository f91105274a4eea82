"""InstallApplication; Acknowledged means accepted, ManagedApplicationList tells the rest."""

from urllib.parse import urlsplit

from devices.errors import CommandInvalid
from devices.protocol.commands.parameters import FLAG, INTEGER, TEXT, Parameter
from devices.protocol.commands.requirements import MANAGE_APPS, Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, MACOS, OTHER

REMOVE_WITH_ENROLLMENT = 1
USER_LICENSE, DEVICE_LICENSE = 0, 1


def build_install_application(
    *,
    itunes_store_id: int | None = None,
    manifest_url: str | None = None,
    identifier: str | None = None,
    device_license: bool = False,
    take_over: bool = False,
    install_as_managed: bool = False,
    platform: str = OTHER,
) -> Body:
    """Install one app, which leaves with the enrollment; Apple application.install.

    Exactly one of an App Store number, an https URL of a manifest and a bundle identifier.
    `device_license` uses a volume licence of the device
    instead of the user's Apple Account; `take_over` manages an app that is already there;
    `install_as_managed` is macOS 11's, and fails for packages that are not one app.
    """
    sources = {
        "iTunesStoreID": itunes_store_id,
        "ManifestURL": manifest_url,
        "Identifier": identifier,
    }
    given = {key: value for key, value in sources.items() if value}
    if len(given) != 1:
        raise CommandInvalid("exactly one of store id, manifest URL and bundle identifier")
    if manifest_url and urlsplit(manifest_url).scheme != "https":
        raise CommandInvalid("the manifest must be at an https URL")
    body: Body = {"RequestType": "InstallApplication", **given}
    body["ManagementFlags"] = REMOVE_WITH_ENROLLMENT
    if device_license:
        body["Options"] = {"PurchaseMethod": DEVICE_LICENSE}
    if take_over:
        body["ChangeManagementState"] = "Managed"
    if install_as_managed and platform != MACOS:
        raise CommandInvalid("only a Mac installs an app as managed")
    if install_as_managed:
        body["InstallAsManaged"] = True
    return body


INSTALL_APPLICATION = CommandType(
    "InstallApplication",
    "Install an app",
    Kind.APPS,
    {IOS: Needs("5.0", MANAGE_APPS), MACOS: Needs("10.9", MANAGE_APPS)},
    (
        Parameter("itunes_store_id", "iTunesStoreID", INTEGER, "Number in the App Store"),
        Parameter("manifest_url", "ManifestURL", TEXT, "URL of the manifest", on={IOS: "7.0"}),
        Parameter("identifier", "Identifier", TEXT, "Bundle identifier", on={IOS: "7.0"}),
        Parameter("device_license", "", FLAG, "With the device's licence", on={IOS: "7.0"}),
        Parameter(
            "take_over",
            "",
            FLAG,
            "Manage it if it is there already",
            on={IOS: "9.0", MACOS: "11.0"},
        ),
        Parameter(
            "install_as_managed",
            "InstallAsManaged",
            FLAG,
            "Install as a managed app",
            on={IOS: None, MACOS: "11.0"},
        ),
    ),
    build_install_application,
    needs_platform=True,
)
