"""What a group's policies want on its devices."""

from policies.models import PolicyItem

ItemKey = tuple[str, str]


def list_desired_items(group_id: int | None, *, platform: str) -> dict[ItemKey, PolicyItem]:
    """Return what devices of a group and platform should have, by kind and identifier.

    Two policies may ask for the same app: the older item stands for both. The profiles
    themselves are large and sealed, so each is read from the database when it is used.
    """
    if group_id is None:
        return {}
    items = PolicyItem.objects.filter(policy__groups=group_id).select_related("policy")
    desired: dict[ItemKey, PolicyItem] = {}
    for item in items.defer("profile").order_by("id"):
        if item.suits(platform):
            desired.setdefault((item.kind, item.identifier), item)
    return desired
