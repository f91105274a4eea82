"""What a device still has from an enrollment before this one.

An enrollment profile that is installed over the one before it leaves what came with that in place,
and a new enrollment begins with no record. So whatever an earlier enrollment of the device was
given, and the device still lists as managed, is this one's to keep or to remove.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q

from devices.models import Enrollment, EnrollmentState
from organization.models import Given, PreparedSelect
from policies.models import ItemKind, ItemState, ItemStatus
from policies.selectors import ItemKey
from policies.services.app_states import MANAGED
from policies.services.installs import ask_for_list

EARLIER = PreparedSelect(
    # The latest first, which speaks for the ones before.
    lambda: (
        ItemStatus.objects.filter(enrollment__device=Given("device"), was_accepted=True)
        .exclude(enrollment=Given("enrollment"))
        .order_by("-enrollment", "id")
    )
)


def take_over_leftovers(
    enrollment: Enrollment, *, known: Iterable[ItemKey], now: datetime
) -> list[ItemStatus]:
    """Record as installed what the device lists and `known` does not hold; return the rows.

    Where it may have apps and was not asked for them yet, it is asked.
    """
    spared, taken = set(known), []
    for earlier in EARLIER.all(device=enrollment.device_id, enrollment=enrollment.pk):
        key = (earlier.kind, earlier.identifier)
        if key not in spared and _is_listed(earlier, enrollment=enrollment):
            spared.add(key)
            taken.append(_take(earlier, enrollment=enrollment, now=now))
    return taken


def find_with_leftovers(among: Q, *, since: datetime) -> set[int]:
    """Return those live enrollments whose lists since then hold what no record of theirs speaks of.

    The news of such a list is a task, which may be lost; nothing else tells that it came.
    """
    has_reported = Q(profiles_reported_at__gt=since) | Q(applications_reported_at__gt=since)
    live = Enrollment.objects.filter(among, has_reported, state=EnrollmentState.LIVE).order_by()
    devices = dict(live.values_list("device_id", "pk"))
    ended = Enrollment.objects.filter(device__in=list(devices)).exclude(state=EnrollmentState.LIVE)
    again = {
        devices[device_id] for device_id in ended.order_by().values_list("device_id", flat=True)
    }
    return {row.pk for row in Enrollment.objects.filter(pk__in=again) if _has_leftovers(row)}


def _has_leftovers(enrollment: Enrollment) -> bool:
    earlier = EARLIER.all(device=enrollment.device_id, enrollment=enrollment.pk)
    if not earlier:
        return False
    known = set(enrollment.item_statuses.order_by().values_list("kind", "identifier"))
    return any(
        (each.kind, each.identifier) not in known and _is_told(each, enrollment=enrollment)
        for each in earlier
    )


def _is_listed(earlier: ItemStatus, *, enrollment: Enrollment) -> bool:
    has_apps = earlier.kind == ItemKind.APP and earlier.bundle_id
    if has_apps and enrollment.applications_reported_at is None:
        ask_for_list(ItemKind.APP, enrollment=enrollment, since=enrollment.created_at)
    return _is_told(earlier, enrollment=enrollment)


def _is_told(earlier: ItemStatus, *, enrollment: Enrollment) -> bool:
    if earlier.kind == ItemKind.PROFILE:
        return any(
            profile.get("PayloadIdentifier") == earlier.identifier and _is_managed(profile)
            for profile in enrollment.reported_profiles
        )
    listed = enrollment.reported_applications.get(earlier.bundle_id)
    return isinstance(listed, dict) and listed.get("Status") == MANAGED


def _is_managed(profile: dict[str, Any]) -> bool:
    """A device that does not say so lists what a management has brought."""
    return profile.get("IsManaged") is not False


def _take(earlier: ItemStatus, *, enrollment: Enrollment, now: datetime) -> ItemStatus:
    return ItemStatus.objects.create(
        enrollment=enrollment,
        kind=earlier.kind,
        name=earlier.name,
        identifier=earlier.identifier,
        bundle_id=earlier.bundle_id,
        version=earlier.version,
        state=ItemState.INSTALLED,
        settled_at=now,
        was_accepted=True,
    )
