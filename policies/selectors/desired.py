"""What a group's policies want on its devices."""

from organization.models import Given, PreparedSelect
from policies.models import PolicyItem

ItemKey = tuple[str, str]
ITEMS = PreparedSelect(
    lambda: (
        PolicyItem.objects.filter(policy__groups=Given("group"))
        .select_related("policy")
        .defer("profile")
        .order_by("id")
    )
)


def list_desired_items(group_id: int | None, *, platform: str) -> dict[ItemKey, PolicyItem]:
    """Return what devices of a group and platform should have, by kind and identifier.

    Two policies may ask for the same app: the older item stands for both. The profiles
    themselves are large and sealed, so each is read from the database when it is used.
    """
    if group_id is None:
        return {}
    desired: dict[ItemKey, PolicyItem] = {}
    for item in ITEMS.all(group=group_id):
        if item.suits(platform):
            desired.setdefault((item.kind, item.identifier), item)
    return desired
