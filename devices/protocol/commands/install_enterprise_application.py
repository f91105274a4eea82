"""InstallEnterpriseApplication: a signed distribution package for a Mac."""

from collections.abc import Mapping, Sequence
from typing import Any

from devices.errors import CommandInvalid
from devices.protocol.commands.install_application import REMOVE_WITH_ENROLLMENT
from devices.protocol.commands.manifest_url import check_manifest_url
from devices.protocol.commands.table import Body
from devices.protocol.platform import IOS, IPADOS, MACOS


def build_install_enterprise_application(
    *,
    manifest: Mapping[str, Any] | None = None,
    manifest_url: str | None = None,
    pinning_certificates: Sequence[bytes] = (),
    check_revocation: bool = False,
    install_as_managed: bool = False,
    take_over: bool = False,
    ios_app: bool = False,
    configuration: Mapping[str, Any] | None = None,
    platform: str = MACOS,
) -> Body:
    """Install what a manifest describes; Apple application.install.enterprise.

    Exactly one of the manifest itself and its https URL. `pinning_certificates` (DER) are those
    that the servers of an URL's manifest and package may show, and `check_revocation` has them
    looked up. `install_as_managed` (macOS 11) fails for a package that is not one app.
    """
    if platform in (IOS, IPADOS):
        raise CommandInvalid("only a Mac installs packages")
    if bool(manifest) == bool(manifest_url):
        raise CommandInvalid("exactly one of a manifest and its URL")
    body: Body = {"RequestType": "InstallEnterpriseApplication"}
    if manifest:
        body["Manifest"] = _check_manifest(manifest)
    if manifest_url:
        body["ManifestURL"] = check_manifest_url(manifest_url)
    body |= _build_pinning(pinning_certificates, check_revocation, manifest_url=manifest_url)
    if install_as_managed:
        body |= {"InstallAsManaged": True, "ManagementFlags": REMOVE_WITH_ENROLLMENT}
    if take_over:
        body["ChangeManagementState"] = "Managed"
    if ios_app:
        body["iOSApp"] = True
    if configuration is not None:
        body["Configuration"] = dict(configuration)
    return body


def _check_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    items = manifest.get("items")
    if not isinstance(items, list) or not items:
        raise CommandInvalid("a manifest has a list of items")
    for item in items:
        assets = item.get("assets") if isinstance(item, dict) else None
        if not isinstance(assets, list) or not assets:
            raise CommandInvalid("a manifest's item has a list of assets")
        for asset in assets:
            check_manifest_url(str(asset.get("url", "")) if isinstance(asset, dict) else "")
    return dict(manifest)


def _build_pinning(
    certificates: Sequence[bytes], check_revocation: bool, *, manifest_url: str | None
) -> Body:
    if certificates and not manifest_url:
        raise CommandInvalid("certificates are pinned for a manifest's URL only")
    if check_revocation and not certificates:
        raise CommandInvalid("there is no pinned certificate whose revocation could be looked up")
    body: Body = {"ManifestURLPinningCerts": list(certificates)} if certificates else {}
    return body | ({"PinningRevocationCheckRequired": True} if check_revocation else {})
