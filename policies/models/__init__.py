from policies.models.item import ItemKind, PolicyItem
from policies.models.item_status import ItemState, ItemStatus
from policies.models.package import Package, PackageKind
from policies.models.policy import Policy
from policies.models.rollout import Rollout

__all__ = [
    "ItemKind",
    "ItemState",
    "ItemStatus",
    "Package",
    "PackageKind",
    "Policy",
    "PolicyItem",
    "Rollout",
]
