"""What the device lists, compared with what we believe it has."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from devices.models import Command, CommandState, Enrollment
from devices.protocol.platform import MACOS
from devices.services.queries import find_right_refusal
from policies.models import ItemKind, ItemState, ItemStatus, PolicyItem
from policies.selectors import COMPARABLE, ItemKey
from policies.services.app_states import UNINSTALLED, take_app_state
from policies.services.item_states import mark_failed, mark_installed, mark_lost, mark_removed
from policies.services.package_states import (
    APP_PATIENCE,
    find_lost_packages,
    follow_package,
    get_bundles,
)

# When a Mac that does not list an app is believed.
UNLISTED_PATIENCE = timedelta(hours=1)
REFUSED = (CommandState.ERROR, CommandState.FORMAT_ERROR)


def settle_reports(
    enrollment: Enrollment,
    *,
    statuses: Iterable[ItemStatus],
    desired: dict[ItemKey, PolicyItem],
    now: datetime,
) -> None:
    """Settle what waits for no command by the device's last lists of profiles and apps."""
    idle = [status for status in statuses if status.pk and not status.is_awaited]
    profiles = [status for status in idle if status.kind == ItemKind.PROFILE]
    apps = [status for status in idle if status.kind == ItemKind.APP]
    for status in _take_newer(profiles, reported_at=enrollment.profiles_reported_at):
        item = desired.get((status.kind, status.identifier))
        _compare_profile(status, enrollment=enrollment, item=item, now=now)
    for status in _take_newer(apps, reported_at=enrollment.applications_reported_at):
        _compare_app(status, enrollment=enrollment, now=now)
    if enrollment.device.platform == MACOS:
        for status, app in find_lost_packages(apps, enrollment=enrollment):
            mark_lost(status, message=f"The Mac no longer has {app}.", now=now)
    for status in apps:
        if not status.pk or status.state != ItemState.INSTALLING:
            continue
        if get_bundles(status):
            follow_package(status, enrollment=enrollment, now=now)
        else:
            _follow_app(status, enrollment=enrollment, now=now)


def _take_newer(statuses: list[ItemStatus], *, reported_at: datetime | None) -> list[ItemStatus]:
    """Return those that the report is newer than, and note that it was compared with them."""
    if reported_at is None:
        return []
    newer = [
        status
        for status in statuses
        if status.state in COMPARABLE
        and (status.settled_at and status.settled_at < reported_at)
        and (status.compared_at is None or status.compared_at < reported_at)
    ]
    for status in newer:
        status.compared_at = reported_at
    if newer:
        ItemStatus.objects.filter(pk__in=[s.pk for s in newer]).update(compared_at=reported_at)
    return newer


def _compare_profile(
    status: ItemStatus, *, enrollment: Enrollment, item: PolicyItem | None, now: datetime
) -> None:
    listed = _find_profile(enrollment, identifier=status.identifier)
    if status.state == ItemState.REMOVING:
        if listed is None:
            mark_removed(status)
    elif listed is None:
        mark_lost(status, message="The device no longer has the profile.", now=now)
    elif item and item.version == status.version and not _is_version(listed, item=item):
        mark_lost(status, message="The device has another version of the profile.", now=now)


def _find_profile(enrollment: Enrollment, *, identifier: str) -> dict[str, Any] | None:
    for profile in enrollment.reported_profiles:
        if profile.get("PayloadIdentifier") == identifier:
            return dict(profile)
    return None


def _is_version(listed: dict[str, Any], *, item: PolicyItem) -> bool:
    """PayloadUUID tells the version; a device that lists none is believed."""
    listed_uuid = listed.get("PayloadUUID")
    return not isinstance(listed_uuid, str) or listed_uuid.upper() == item.profile_uuid


def _compare_app(status: ItemStatus, *, enrollment: Enrollment, now: datetime) -> None:
    state = _find_app_state(enrollment, status)
    if status.state == ItemState.REMOVING:
        if state in ("", UNINSTALLED):
            mark_removed(status)
    elif status.state == ItemState.INSTALLED and state == UNINSTALLED:
        mark_lost(status, message="The user removed the app.", now=now)
    elif not state and _was_listed(status, enrollment=enrollment):
        mark_lost(status, message="The device no longer has the app.", now=now)


def _was_listed(status: ItemStatus, *, enrollment: Enrollment) -> bool:
    """Whether the device has listed the app as managed: else a note says why it counts as there.

    A Mac need not list what it has.
    """
    is_mac = enrollment.device.platform == MACOS
    is_installed = status.state == ItemState.INSTALLED and not status.error
    return is_installed and bool(status.bundle_id) and not is_mac


def _find_app_state(enrollment: Enrollment, status: ItemStatus) -> str:
    """Return Apple's Status of the app as last listed, "" where it is not listed."""
    listed = enrollment.reported_applications.get(status.bundle_id)
    state = listed.get("Status") if isinstance(listed, dict) else ""
    return state if isinstance(state, str) else ""


def _follow_app(status: ItemStatus, *, enrollment: Enrollment, now: datetime) -> None:
    accepted_at, reported_at = status.settled_at or now, enrollment.applications_reported_at
    is_reported = reported_at is not None and reported_at >= accepted_at
    state = _find_app_state(enrollment, status) if is_reported else ""
    take_app_state(status, state=state, now=now)
    if status.state != ItemState.INSTALLING:
        return
    is_unlisted_mac = is_reported and not state and enrollment.device.platform == MACOS
    is_mute = find_right_refusal(enrollment, name="managed_apps")
    if is_mute or _has_refused_to_list(enrollment, since=accepted_at):
        mark_installed(status, now=now, note="Accepted; the device does not list its apps.")
    elif is_unlisted_mac and now - accepted_at > UNLISTED_PATIENCE:
        mark_installed(status, now=now, note="Accepted; the Mac does not list it as managed.")
    elif now - accepted_at > APP_PATIENCE:
        message = f"Not installed after a day; the device says: {state or 'nothing'}."
        mark_failed(status, message=message, now=now)


def _has_refused_to_list(enrollment: Enrollment, *, since: datetime) -> bool:
    """Whether the device answered the question with an error, or without any list."""
    answered = Command.objects.filter(
        enrollment=enrollment,
        user_channel=None,
        request_type="ManagedApplicationList",
        completed_at__gte=since,
    )
    return any(
        command.state in REFUSED
        or (
            command.state == CommandState.ACKNOWLEDGED
            and "ManagedApplicationList" not in command.result
        )
        for command in answered
    )
