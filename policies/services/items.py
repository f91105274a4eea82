"""What is in a policy: profiles and apps are added, replaced and taken out."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from devices.models import Platform
from devices.protocol.plist import decode_plist
from organization.models import hold_row
from organization.selectors import get_organization
from organization.services.audit import record
from policies.errors import ItemInvalid
from policies.models import ItemKind, Package, Policy, PolicyItem
from policies.protocol.app_configuration import encode_configuration
from policies.protocol.names import clean_name
from policies.protocol.payload_needs import find_misfits
from policies.protocol.profile import (
    UploadedProfile,
    build_profile,
    build_profile_identifier,
    build_profile_uuid,
    decode_profile,
)
from policies.services.policies import announce_change

NAME_LENGTH = 200
URL_LENGTH = 500
HALF = 32  # letters of an app's version
LARGEST_STORE_ID = 2**63 - 1
BUNDLE_ID = re.compile(r"[A-Za-z0-9.-]{1,255}\Z")
HTTPS_URL = re.compile(r"https://[^\s/]+\S*\Z")


@transaction.atomic
def add_profile_item(
    policy: Policy, *, data: bytes, name: str = "", platforms: Iterable[str] = (), actor: str
) -> PolicyItem:
    """Add an uploaded .mobileconfig; without a name it has its PayloadDisplayName.

    Raises ProfileInvalid, ItemInvalid. What to tell the administrator is in `warnings`.
    """
    uploaded = decode_profile(data)
    _hold_policy(policy)
    item = PolicyItem(policy=policy, kind=ItemKind.PROFILE)
    item.name = _check_name(name or _suggest_name(uploaded))
    item.platforms = _check_platforms(platforms)
    _take_profile(item, uploaded)
    item.save()
    _tell(item, actor=actor, action="policy_item.create")
    return item


@transaction.atomic
def add_app_item(
    policy: Policy,
    *,
    name: str = "",
    itunes_store_id: int | None = None,
    manifest_url: str = "",
    package: Package | None = None,
    bundle_id: str = "",
    configuration: Mapping[str, Any] | None = None,
    platforms: Iterable[str] = (),
    actor: str,
) -> PolicyItem:
    """Add an app of the App Store, an uploaded one, or one that a manifest at a URL describes.

    Without `bundle_id` the device's answer to the first installation tells it. A package
    brings its own, its name and its platforms. Raises ItemInvalid.
    """
    _check_source(itunes_store_id, manifest_url=manifest_url, package=package)
    if bundle_id and not BUNDLE_ID.match(bundle_id):
        raise ItemInvalid("A bundle identifier is like com.example.app.", field="bundle_id")
    _hold_policy(policy)
    item = PolicyItem(
        policy=policy,
        kind=ItemKind.APP,
        name=_check_name(name or (package.name[:NAME_LENGTH] if package else "")),
        platforms=_check_platforms(platforms),
        itunes_store_id=itunes_store_id,
        manifest_url=manifest_url,
        bundle_id=package.identifier if package else bundle_id,
    )
    if package is not None:
        item.platforms = _check_package_platforms(item.platforms, package=package)
    _take_app(item, package=package, configuration=configuration or {})
    item.save()
    _tell(item, actor=actor, action="policy_item.create")
    return item


@transaction.atomic
def replace_package(item: PolicyItem, *, package: Package, actor: str) -> PolicyItem:
    """Put another version of the same app in the item's place; devices get it.

    Raises ItemInvalid.
    """
    _hold(item)
    if item.package is None or item.package.kind != package.kind:
        raise ItemInvalid("Only a package takes the place of a package.", field="package")
    if item.bundle_id != package.identifier:
        raise ItemInvalid(f"That is another app: {package.identifier}.", field="package")
    item.platforms = _check_package_platforms(item.platforms, package=package)
    _take_app(item, package=package, configuration=get_configuration(item))
    item.save()
    _tell(item, actor=actor, action="policy_item.replace")
    return item


@transaction.atomic
def configure_app(item: PolicyItem, *, configuration: Mapping[str, Any], actor: str) -> PolicyItem:
    """Set what the app is configured with, {} = nothing; devices that have it are told at once.

    Raises ItemInvalid.
    """
    _hold(item)
    if item.kind != ItemKind.APP:
        raise ItemInvalid("Only an app has a configuration.", field="configuration")
    _take_app(item, package=item.package, configuration=configuration)
    item.save()
    _tell(item, actor=actor, action="policy_item.configure")
    return item


def get_configuration(item: PolicyItem) -> dict[str, Any]:
    """Return what the app is configured with, {} for nothing."""
    data = item.configuration
    return decode_plist(data, max_bytes=len(data)) if data else {}


@transaction.atomic
def replace_profile(item: PolicyItem, *, data: bytes, actor: str) -> PolicyItem:
    """Put another version in the item's place; devices update theirs under the same identity.

    The same content again changes nothing. Raises ProfileInvalid, ItemInvalid.
    """
    if item.kind != ItemKind.PROFILE:
        raise ItemInvalid("An app has no profile to replace.")
    uploaded = decode_profile(data)
    _hold(item)
    if uploaded.version == item.version:
        return item
    _take_profile(item, uploaded)
    item.save()
    _tell(item, actor=actor, action="policy_item.replace")
    return item


@transaction.atomic
def remove_item(item: PolicyItem, *, actor: str) -> None:
    """Take it out of its policy, and so off the devices that have it from us."""
    _tell(item, actor=actor, action="policy_item.delete")
    item.delete()


def _hold_policy(policy: Policy) -> None:
    """Nothing is added to one that was deleted."""
    hold_row(policy, gone=ItemInvalid("The policy was deleted."))


def _hold(item: PolicyItem) -> None:
    hold_row(item, gone=ItemInvalid("It was taken out of the policy."))


def _hold_package(package: Package) -> None:
    """Keep it from being deleted until the item that installs it is there."""
    if not Package.objects.select_for_update(no_key=True).filter(pk=package.pk).exists():
        raise ItemInvalid("The package was deleted.", field="package")


def _take_profile(item: PolicyItem, uploaded: UploadedProfile) -> None:
    organization_id = get_organization().public_id
    item.version = uploaded.version
    item.profile_identifier = build_profile_identifier(organization_id, item_id=item.public_id)
    item.profile_uuid = build_profile_uuid(item.public_id, version=uploaded.version)
    item.payload_types = list(uploaded.payload_types)
    misfits = find_misfits(uploaded.payload_types, platforms=item.platforms)
    item.warnings = [*misfits, *uploaded.warnings]
    item.profile = build_profile(
        uploaded, identifier=item.profile_identifier, payload_uuid=item.profile_uuid
    )


def _take_app(
    item: PolicyItem, *, package: Package | None, configuration: Mapping[str, Any]
) -> None:
    """Put in what the version tells: its first half what the app is, its second how it is."""
    if package is not None:
        _hold_package(package)
    item.package = package
    if item.is_mac_package and configuration:
        raise ItemInvalid("A macOS package takes no configuration.", field="configuration")
    item.configuration = encode_configuration(dict(configuration))
    content = package.sha256 if package else ""
    source = [item.itunes_store_id, item.manifest_url, item.bundle_id, content]
    halves = (json.dumps(source).encode(), item.configuration or b"")
    item.version = "".join(hashlib.sha256(half).hexdigest()[:HALF] for half in halves)


def _suggest_name(uploaded: UploadedProfile) -> str:
    return (clean_name(uploaded.display_name) or uploaded.payload_types[0])[:NAME_LENGTH]


def _check_name(name: str) -> str:
    name = clean_name(name)
    if not name or len(name) > NAME_LENGTH:
        raise ItemInvalid(f"An item needs a name of 1 to {NAME_LENGTH} letters.", field="name")
    return name


def _check_platforms(platforms: Iterable[str]) -> list[str]:
    chosen = set(platforms)
    if not chosen <= set(Platform.values):
        unknown = ", ".join(sorted(chosen - set(Platform.values)))
        raise ItemInvalid(f"Unknown platform: {unknown}.", field="platforms")
    return [value for value in Platform.values if value in chosen]


def _check_package_platforms(platforms: list[str], *, package: Package) -> list[str]:
    foreign = set(platforms) - set(package.platforms)
    if foreign:
        raise ItemInvalid(f"{package} is not for {', '.join(sorted(foreign))}.", field="platforms")
    return platforms or list(package.platforms)


def _check_source(
    itunes_store_id: int | None, *, manifest_url: str, package: Package | None
) -> None:
    if [itunes_store_id is None, not manifest_url, package is None].count(False) != 1:
        raise ItemInvalid(
            "An app needs either an App Store ID or a manifest URL or an uploaded package."
        )
    if itunes_store_id is not None and not 0 < itunes_store_id <= LARGEST_STORE_ID:
        raise ItemInvalid("An App Store ID is a positive number.", field="itunes_store_id")
    if manifest_url and (len(manifest_url) > URL_LENGTH or not HTTPS_URL.match(manifest_url)):
        raise ItemInvalid("A manifest URL begins with https://.", field="manifest_url")


def _tell(item: PolicyItem, *, actor: str, action: str) -> None:
    detail = {"policy": item.policy.public_id, "kind": item.kind, "version": item.version}
    record(actor, action=action, subject_id=item.public_id, subject=item.name, detail=detail)
    announce_change(item.policy)
