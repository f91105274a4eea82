"""The commands that bring an item to a device, take it away, and ask how far it is."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import Q

from devices.models import OPEN_STATES, Command, Device, Enrollment
from devices.protocol.commands import (
    COMMAND_TYPES,
    DeviceFacts,
    build_application_configuration,
    build_install_application,
    build_install_enterprise_application,
    build_install_profile,
    build_installed_application_list,
    build_managed_application_list,
    build_profile_list,
    build_remove_application,
    build_remove_profile,
)
from devices.protocol.platform import MACOS
from devices.services.queries import find_right_refusal, get_system_facts
from devices.services.queue import enqueue, withdraw
from policies.models import ItemKind, ItemState, ItemStatus, PolicyItem
from policies.services.items import HALF, get_configuration
from policies.services.packages import build_manifest_url, build_package_manifest
from scep.services.profile_signing import sign_profile

POLICIES_ORIGIN, ITEM_ORIGIN = "policies", "item:"
"""Of commands that ask or remove; of those that bring an item, before its id."""
CONFIGURE = "Settings.ApplicationConfiguration"
INSTALL = COMMAND_TYPES["InstallApplication"]


def queue_install(status: ItemStatus, *, item: PolicyItem, enrollment: Enrollment) -> None:
    """Queue the item's present version; the device takes it in place of the one it has."""
    if item.kind == ItemKind.PROFILE:
        body = _build_profile(item)
    elif _differs_in_configuration(status, item=item) and _may_configure(enrollment):
        body = build_application_configuration(
            identifier=status.bundle_id, configuration=get_configuration(item)
        )
    else:
        body = _build_app(item, device=enrollment.device)
    command = enqueue(enrollment, command=body, origin=f"{ITEM_ORIGIN}{item.public_id}")
    status.item, status.name, status.version = item, item.name, item.version
    if not item.is_mac_package:
        status.bundle_id = status.bundle_id or item.bundle_id
    _await(status, command=command, state=ItemState.PENDING)
    if body["RequestType"] == "InstallApplication":
        # In the same session, which spares a push where the app is quick.
        ask_for_list(ItemKind.APP, enrollment=enrollment)


def _differs_in_configuration(status: ItemStatus, *, item: PolicyItem) -> bool:
    """Whether the device has this very app: what it is configured with can be set alone."""
    is_there = status.state == ItemState.INSTALLED and bool(status.bundle_id)
    return is_there and status.version != item.version and _is_same_app(status, item=item)


def _may_configure(enrollment: Enrollment) -> bool:
    """Whether the system can and the profile asked for that right; else the app is sent again."""
    facts = replace(get_system_facts(enrollment.device), access_rights=enrollment.access_rights)
    return not COMMAND_TYPES[CONFIGURE].find_refusal(facts)


def _is_same_app(status: ItemStatus, *, item: PolicyItem) -> bool:
    return status.version[:HALF] == item.version[:HALF]


def queue_removal(status: ItemStatus, *, enrollment: Enrollment) -> None:
    """Queue RemoveProfile, or RemoveApplication for an app whose bundle identifier is known."""
    if status.kind == ItemKind.PROFILE:
        body = build_remove_profile(status.identifier)
    else:
        body = build_remove_application(status.bundle_id)
    command = enqueue(enrollment, command=body, origin=POLICIES_ORIGIN)
    _await(status, command=command, state=ItemState.REMOVING)


def is_free(status: ItemStatus) -> bool:
    """Whether no command for it can reach the device any more: there is none, or it was
    withdrawn just now. One that the device has been handed must be answered first."""
    return not status.is_awaited or withdraw(status.command_uuid)


def can_remove_apps(device: Device) -> bool:
    """Say no where apps stay: in a Mac's User Enrollment, and on Macs before macOS 11."""
    return not COMMAND_TYPES["RemoveApplication"].find_refusal(get_system_facts(device))


def ask_for_list(kind: str, *, enrollment: Enrollment, since: datetime | None = None) -> None:
    """Have the device list its profiles or managed apps, unless that is on its way.

    With `since` one that the device has answered after that moment is enough. A device that has
    no such list is not asked.
    """
    if kind == ItemKind.APP and find_right_refusal(enrollment, name="managed_apps"):
        return
    body = build_profile_list() if kind == ItemKind.PROFILE else build_managed_application_list()
    asked = Command.objects.filter(
        enrollment=enrollment, user_channel=None, request_type=body["RequestType"]
    )
    enough = Q(state__in=OPEN_STATES)
    if since is not None:
        enough |= Q(completed_at__gte=since)
    if not asked.filter(enough).exists():
        enqueue(enrollment, command=body, origin=POLICIES_ORIGIN)


def ask_for_packages(identifiers: Iterable[str], *, enrollment: Enrollment) -> None:
    """Have a Mac say which of these apps it has, unless it is being asked already."""
    body = build_installed_application_list(sorted(identifiers))
    asked = Command.objects.filter(
        enrollment=enrollment,
        request_type=body["RequestType"],
        origin=POLICIES_ORIGIN,
        state__in=OPEN_STATES,
    )
    if not asked.exists():
        enqueue(enrollment, command=body, origin=POLICIES_ORIGIN)


def _build_profile(item: PolicyItem) -> dict[str, Any]:
    if item.profile is None:
        raise ValueError(f"{item.public_id} is a profile without content")
    return build_install_profile(sign_profile(item.profile))


def _build_app(item: PolicyItem, *, device: Device) -> dict[str, Any]:
    """Macs manage only what is one app, which packages behind a manifest need not be.

    In a User Enrollment nothing that is there already is taken over, and an older system is told
    nothing that it does not know.
    """
    facts = get_system_facts(device)
    if item.package is not None and item.is_mac_package:
        manifest = build_package_manifest(item.package)
        return build_install_enterprise_application(manifest=manifest, platform=facts.platform)
    is_mac = facts.platform == MACOS
    is_one_app = is_mac and item.itunes_store_id is not None
    package_url = build_manifest_url(item.package) if item.package is not None else None
    return build_install_application(
        itunes_store_id=item.itunes_store_id,
        manifest_url=package_url or item.manifest_url or None,
        take_over=not is_mac and INSTALL.takes("take_over", facts=facts),
        install_as_managed=is_one_app and INSTALL.takes("install_as_managed", facts=facts),
        configuration=_find_configuration(item, facts=facts),
        facts=facts,
    )


def _find_configuration(item: PolicyItem, *, facts: DeviceFacts) -> dict[str, Any] | None:
    """What the app is installed with; None where the device's system would not know the key."""
    if not INSTALL.takes("configuration", facts=facts):
        return None
    return get_configuration(item) or None


def _await(status: ItemStatus, *, command: Command, state: str) -> None:
    status.state, status.command_uuid, status.error = state, command.uuid, ""
    status.attempts += 1
    status.due_at = status.settled_at = None
    status.save()
