from policies.models.item import ItemKind, PolicyItem
from policies.models.item_status import ItemState, ItemStatus
from policies.models.policy import Policy

__all__ = ["ItemKind", "ItemState", "ItemStatus", "Policy", "PolicyItem"]
