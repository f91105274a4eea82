"""How far a device is from what it should have."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.db.models import Count, QuerySet

from devices.models import Device, EnrollmentState
from devices.selectors import find_live_enrollment
from organization.selectors import Counts
from policies.models import ItemState, ItemStatus, Policy, PolicyItem
from policies.selectors.desired import ItemKey, list_desired_items


@dataclass(frozen=True)
class Progress:
    """Counts of the items that a device should have."""

    installed: int
    failed: int
    pending: int
    total: int

    @property
    def is_complete(self) -> bool:
        return self.installed == self.total


@dataclass(frozen=True)
class ItemProgress:
    """One item on one device; `item` is None while something deleted is being removed."""

    item: PolicyItem | None
    status: ItemStatus | None
    name: str
    kind: str
    identifier: str
    state: str
    error: str
    updated_at: datetime | None


@dataclass(frozen=True)
class PolicyProgress:
    """A policy of the device's group; `policy` is None for what no policy asks for any more."""

    policy: Policy | None
    items: list[ItemProgress]


def compute_progress(desired: dict[ItemKey, PolicyItem], *, statuses: list[ItemStatus]) -> Progress:
    """Count; a status that speaks of another version than the desired one is pending."""
    states = [
        status.state
        for status in statuses
        if (item := desired.get((status.kind, status.identifier)))
        and status.version == item.version
    ]
    installed, failed = states.count(ItemState.INSTALLED), states.count(ItemState.FAILED)
    return Progress(installed, failed, len(desired) - installed - failed, len(desired))


def get_progress(device: Device) -> Progress:
    """Return how far the device is; without a live enrollment everything is pending."""
    desired = list_desired_items(device.group_id, platform=device.platform)
    return compute_progress(desired, statuses=_list_statuses(device))


def list_item_statuses(device: Device) -> list[PolicyProgress]:
    """Return the device's items grouped by policy (by name), removals last."""
    statuses = {(status.kind, status.identifier): status for status in _list_statuses(device)}
    groups: dict[Policy | None, list[ItemProgress]] = {}
    for key, item in list_desired_items(device.group_id, platform=device.platform).items():
        progress = _describe(item, status=statuses.pop(key, None))
        groups.setdefault(item.policy, []).append(progress)
    for status in statuses.values():
        groups.setdefault(None, []).append(_describe(None, status=status))
    ordered = sorted(groups.items(), key=lambda pair: (pair[0] is None, pair[0] and pair[0].name))
    return [PolicyProgress(policy, items) for policy, items in ordered]


def find_status(device: Device, *, kind: str, identifier: str) -> ItemStatus | None:
    """Return how far the device's live enrollment is from this item, None where nobody knows."""
    own = [each for each in _list_statuses(device) if each.kind == kind]
    return next((each for each in own if each.identifier == identifier), None)


def _list_statuses(device: Device) -> list[ItemStatus]:
    enrollment = find_live_enrollment(device)
    return list(enrollment.item_statuses.all()) if enrollment else []


def _describe(item: PolicyItem | None, *, status: ItemStatus | None) -> ItemProgress:
    is_current = status is not None and (item is None or status.version == item.version)
    return ItemProgress(
        item=item,
        status=status,
        name=item.name if item else status.name if status else "",
        kind=item.kind if item else status.kind if status else "",
        identifier=item.identifier if item else status.identifier if status else "",
        state=status.state if status and is_current else ItemState.PENDING,
        error=status.error if status and is_current else "",
        updated_at=status.updated_at if status else None,
    )


def list_failed_items() -> QuerySet[ItemStatus]:
    """Return the items that devices enrolled now have failed to install, the latest rows first."""
    failed = ItemStatus.objects.filter(state=ItemState.FAILED).order_by("-pk")
    return failed.filter(enrollment__state=EnrollmentState.LIVE)


def count_failed_items() -> int:
    return list_failed_items().order_by().count()


def count_item_states(policy: Policy) -> Counter[tuple[int, str]]:
    """Return how many devices enrolled now have each item (by its key) in each ItemState.

    Of more than 10,000 it may be ten seconds old: all are read to be counted.
    """
    return _get_item_counts(policy.pk).get()


@lru_cache(64)
def _get_item_counts(key: int) -> Counts[tuple[int, str]]:
    def count() -> list[tuple[tuple[int, str], int]]:
        items = PolicyItem.objects.filter(policy=key).values_list("pk", flat=True)
        rows = ItemStatus.objects.filter(
            item__in=list(items), enrollment__state=EnrollmentState.LIVE
        )
        counted = rows.order_by().values_list("item", "state").annotate(Count("pk"))
        return [((item, state), number) for item, state, number in counted]

    return Counts(count)
