"""One app on a device, two items: what one of them gives up may be what the other wants.

A device knows an app by its bundle identifier; an item may be known by a number in the App Store,
or by nothing until a device has answered. So an administrator who puts an in-house edition in the
place of the App Store's, or takes an item out and adds it again, has two items of the same app; to
remove it for one of them would take it from the other, with what the person keeps in it.
"""

from collections.abc import Mapping

from policies.models import ItemKind, ItemState, ItemStatus, PolicyItem
from policies.selectors import ItemKey
from policies.services.installs import is_free

Desired = Mapping[ItemKey, PolicyItem]
Statuses = dict[ItemKey, ItemStatus]


def hand_over_shared_apps(desired: Desired, *, statuses: Statuses) -> set[ItemKey]:
    """Hand over to an item what was another one's that nobody wants any more.

    Returns the desired items that must wait: a removal of their app is on the device, and would
    take away what is installed before it.
    """
    waiting: set[ItemKey] = set()
    for key in _list_surplus(desired, statuses=statuses):
        status = statuses[key]
        owners = _find_owners(status.bundle_id, desired=desired, statuses=statuses)
        if owners and is_free(status):
            for owner in sorted(owners):
                _hand_over(status, item=desired[owner], statuses=statuses)
            status.delete()
            del statuses[key]
        elif status.state == ItemState.REMOVING:
            waiting |= owners
    return waiting


def _list_surplus(desired: Desired, *, statuses: Statuses) -> list[ItemKey]:
    return [
        key
        for key in sorted(statuses.keys() - desired.keys())
        if statuses[key].kind == ItemKind.APP and statuses[key].bundle_id
    ]


def _find_owners(bundle_id: str, *, desired: Desired, statuses: Statuses) -> set[ItemKey]:
    return {
        key
        for key, item in desired.items()
        if bundle_id in _list_bundles(item, status=statuses.get(key))
    }


def _hand_over(status: ItemStatus, *, item: PolicyItem, statuses: Statuses) -> None:
    """What the device has is from now on the item's, also where that was never sent to it."""
    if item.is_mac_package or not status.was_accepted:
        return
    key = (item.kind, item.identifier)
    heir = statuses.setdefault(
        key,
        ItemStatus(enrollment_id=status.enrollment_id, kind=item.kind, identifier=item.identifier),
    )
    heir.item, heir.name = item, heir.name or item.name
    heir.was_accepted, heir.bundle_id = True, status.bundle_id
    heir.save()


def is_one_unnamed(desired: Desired, *, statuses: Statuses) -> bool:
    """Whether the device has yet to say which app an item's is: it may be any."""
    return any(
        item.kind == ItemKind.APP
        and not item.is_mac_package
        and not _list_bundles(item, status=statuses.get(key))
        and (key not in statuses or statuses[key].state == ItemState.PENDING)
        for key, item in desired.items()
    )


def _list_bundles(item: PolicyItem, *, status: ItemStatus | None) -> set[str]:
    """Return which apps the item brings, as far as that is known."""
    if item.kind != ItemKind.APP:
        return set()
    if item.package is not None and item.is_mac_package:
        return set(item.package.bundles)
    return {item.bundle_id, status.bundle_id if status else ""} - {""}
