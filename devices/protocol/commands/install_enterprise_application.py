"""InstallEnterpriseApplication: a signed distribution package for a Mac."""

from collections.abc import Mapping
from typing import Any

from devices.errors import ChoiceInvalid, CommandInvalid, ParameterInvalid
from devices.protocol.access_rights import MANAGE_APPS
from devices.protocol.commands.address import check_address
from devices.protocol.commands.install_application import REMOVE_WITH_ENROLLMENT
from devices.protocol.commands.parameters import DATA, DICTIONARY, FLAG, TEXT, Parameter
from devices.protocol.commands.requirements import Needs
from devices.protocol.commands.table import Body, CommandType, Kind
from devices.protocol.platform import IOS, IPADOS, MACOS


def build_install_enterprise_application(
    *,
    manifest: Mapping[str, Any] | None = None,
    manifest_url: str | None = None,
    pinning_certificate: bytes = b"",
    check_revocation: bool = False,
    install_as_managed: bool = False,
    take_over: bool = False,
    ios_app: bool = False,
    configuration: Mapping[str, Any] | None = None,
    platform: str = MACOS,
) -> Body:
    """Install what a manifest describes; Apple application.install.enterprise.

    Exactly one of the manifest itself and its https URL. `pinning_certificate` (DER) is the one
    that the servers of an URL's manifest and package may show, and `check_revocation` has it
    looked up. `install_as_managed` (macOS 11) fails for a package that is not one app.
    """
    if platform in (IOS, IPADOS):
        raise CommandInvalid("only a Mac installs packages")
    if bool(manifest) == bool(manifest_url):
        raise ChoiceInvalid(
            "exactly one of a manifest and its URL", parameters=("manifest", "manifest_url")
        )
    body: Body = {"RequestType": "InstallEnterpriseApplication"}
    if manifest:
        body["Manifest"] = check_manifest(manifest)
    if manifest_url:
        body["ManifestURL"] = check_address(manifest_url)
    body |= _build_pinning(pinning_certificate, check_revocation, manifest_url=manifest_url)
    if install_as_managed:
        body |= {"InstallAsManaged": True, "ManagementFlags": REMOVE_WITH_ENROLLMENT}
    if take_over:
        body["ChangeManagementState"] = "Managed"
    if ios_app:
        body["iOSApp"] = True
    if configuration is not None:
        body["Configuration"] = dict(configuration)
    return body


def check_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return it; raises CommandInvalid for what names no package."""
    items = manifest.get("items")
    if not isinstance(items, list) or not items:
        raise CommandInvalid("a manifest has a list of items")
    for item in items:
        assets = item.get("assets") if isinstance(item, dict) else None
        if not isinstance(assets, list) or not assets:
            raise CommandInvalid("a manifest's item has a list of assets")
        for asset in assets:
            check_address(str(asset.get("url", "")) if isinstance(asset, dict) else "")
    return dict(manifest)


def _build_pinning(certificate: bytes, check_revocation: bool, *, manifest_url: str | None) -> Body:
    if certificate and not manifest_url:
        raise ParameterInvalid(
            "is pinned for a manifest's URL only", parameter="pinning_certificate"
        )
    if check_revocation and not certificate:
        raise ParameterInvalid("there is no pinned certificate", parameter="check_revocation")
    body: Body = {"ManifestURLPinningCerts": [certificate]} if certificate else {}
    return body | ({"PinningRevocationCheckRequired": True} if check_revocation else {})


SINCE: dict[str, str | None] = {MACOS: "11.0"}

INSTALL_ENTERPRISE_APPLICATION = CommandType(
    "InstallEnterpriseApplication",
    "Install a package",
    Kind.APPS,
    {MACOS: Needs("10.13.6", MANAGE_APPS)},
    (
        Parameter("manifest_url", "ManifestURL", TEXT, "URL of the manifest", check=check_address),
        Parameter(
            "manifest", "Manifest", DICTIONARY, "Or the manifest itself", check=check_manifest
        ),
        Parameter("pinning_certificate", "", DATA, "Certificate of the manifest's server (DER)"),
        Parameter(
            "check_revocation", "PinningRevocationCheckRequired", FLAG, "Look its revocation up"
        ),
        Parameter(
            "install_as_managed",
            "InstallAsManaged",
            FLAG,
            "Install as a managed app",
            on=SINCE,
            in_user_enrollment=False,
        ),
        Parameter(
            "take_over",
            "",
            FLAG,
            "Manage it if it is there already",
            on=SINCE,
            in_user_enrollment=False,
        ),
        Parameter("ios_app", "iOSApp", FLAG, "The edition for iPhone and iPad", on=SINCE),
        Parameter("configuration", "Configuration", DICTIONARY, "Managed configuration", on=SINCE),
    ),
    build_install_enterprise_application,
    needs_platform=True,
)
