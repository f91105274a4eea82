"""The commands that bring an item to a device, take it away, and ask how far it is."""

from datetime import datetime
from typing import Any

from django.db.models import Q

from devices.models import Command, Enrollment
from devices.protocol.commands import (
    build_install_application,
    build_install_profile,
    build_managed_application_list,
    build_profile_list,
    build_remove_application,
    build_remove_profile,
)
from devices.protocol.platform import MACOS
from devices.selectors import OPEN_STATES
from devices.services.queue import enqueue
from policies.models import ItemKind, ItemState, ItemStatus, PolicyItem
from scep.services.profile_signing import sign_profile

ORIGIN = "policies"


def queue_install(status: ItemStatus, *, item: PolicyItem, enrollment: Enrollment) -> None:
    """Queue the item's present version; the device takes it in place of the one it has."""
    platform = enrollment.device.platform
    is_profile = item.kind == ItemKind.PROFILE
    body = _build_profile(item) if is_profile else _build_app(item, platform=platform)
    command = enqueue(enrollment, command=body, origin=f"item:{item.public_id}")
    status.item, status.name, status.version = item, item.name, item.version
    status.bundle_id = status.bundle_id or item.bundle_id
    _await(status, command=command, state=ItemState.PENDING)
    if not is_profile:  # in the same session, which spares a push where the app is quick
        ask_for_list(ItemKind.APP, enrollment=enrollment)


def queue_removal(status: ItemStatus, *, enrollment: Enrollment) -> None:
    """Queue RemoveProfile, or RemoveApplication for an app whose bundle identifier is known."""
    if status.kind == ItemKind.PROFILE:
        body = build_remove_profile(status.identifier)
    else:
        body = build_remove_application(status.bundle_id)
    command = enqueue(enrollment, command=body, origin=ORIGIN)
    _await(status, command=command, state=ItemState.REMOVING)


def ask_for_list(kind: str, *, enrollment: Enrollment, since: datetime | None = None) -> None:
    """Have the device list its profiles or managed apps, unless that is on its way.

    With `since` one that the device has answered after that moment is enough.
    """
    body = build_profile_list() if kind == ItemKind.PROFILE else build_managed_application_list()
    asked = Command.objects.filter(
        enrollment=enrollment, user_channel=None, request_type=body["RequestType"]
    )
    enough = Q(state__in=OPEN_STATES)
    if since is not None:
        enough |= Q(completed_at__gte=since)
    if not asked.filter(enough).exists():
        enqueue(enrollment, command=body, origin=ORIGIN)


def _build_profile(item: PolicyItem) -> dict[str, Any]:
    if item.profile is None:
        raise ValueError(f"{item.public_id} is a profile without content")
    return build_install_profile(sign_profile(item.profile))


def _build_app(item: PolicyItem, *, platform: str) -> dict[str, Any]:
    """Macs manage only what is one app, which packages behind a manifest need not be."""
    is_mac = platform == MACOS
    return build_install_application(
        itunes_store_id=item.itunes_store_id,
        manifest_url=item.manifest_url or None,
        take_over=not is_mac,
        install_as_managed=is_mac and item.itunes_store_id is not None,
        platform=platform,
    )


def _await(status: ItemStatus, *, command: Command, state: str) -> None:
    status.state, status.command_uuid, status.error = state, command.uuid, ""
    status.attempts += 1
    status.due_at = status.settled_at = None
    status.save()
