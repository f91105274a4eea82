"""Reads: what devices should have, how far they are from it, and who needs a look."""

from policies.selectors.desired import ItemKey, list_desired_items
from policies.selectors.members import list_group_devices, list_live_enrollments
from policies.selectors.progress import (
    ItemProgress,
    PolicyProgress,
    Progress,
    compute_progress,
    count_item_states,
    find_status,
    get_progress,
    list_failed_items,
    list_item_statuses,
)
from policies.selectors.stale import COMPARABLE, find_stale_enrollments

__all__ = [
    "COMPARABLE",
    "ItemKey",
    "ItemProgress",
    "PolicyProgress",
    "Progress",
    "compute_progress",
    "count_item_states",
    "find_stale_enrollments",
    "find_status",
    "get_progress",
    "list_desired_items",
    "list_failed_items",
    "list_group_devices",
    "list_item_statuses",
    "list_live_enrollments",
]
