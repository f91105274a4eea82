"""InstallApplication; Acknowledged means accepted, ManagedApplicationList tells the rest."""

from urllib.parse import urlsplit

from devices.errors import CommandInvalid
from devices.protocol.commands.table import Body
from devices.protocol.platform import MACOS, OTHER

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
