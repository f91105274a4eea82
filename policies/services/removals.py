"""What a device has from us and no policy asks for any more."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from devices.models import Command, Enrollment
from policies.models import ItemKind, ItemState, ItemStatus, PolicyItem
from policies.selectors import ItemKey
from policies.services.installs import ask_for_list, can_remove_apps, is_free, queue_removal
from policies.services.item_states import mark_held
from policies.services.shared_apps import is_one_unnamed

# How long an app stays at a time because one that is about to come may be the same.
HELD = timedelta(hours=1)


def remove_surplus(
    enrollment: Enrollment,
    *,
    desired: Mapping[ItemKey, PolicyItem],
    statuses: dict[ItemKey, ItemStatus],
    now: datetime,
) -> int:
    """Queue what brings each of these closer to its removal; return how many removals."""
    queued = 0
    is_held = is_one_unnamed(desired, statuses=statuses)
    for key in sorted(statuses.keys() - desired.keys()):
        status = statuses[key]
        until = now + HELD if is_held and status.kind == ItemKind.APP else None
        if status.state != ItemState.REMOVING:
            queued += _begin_removal(status, enrollment=enrollment, held_until=until)
        elif not status.is_awaited:
            queued += _go_on_removing(status, enrollment=enrollment, held_until=until, now=now)
    return queued


def _begin_removal(
    status: ItemStatus, *, enrollment: Enrollment, held_until: datetime | None
) -> bool:
    """Remove what the device has from us; forget what it never took, keeps, or cannot be named."""
    if not is_free(status):
        return False
    is_app = status.kind == ItemKind.APP
    stays = is_app and not can_remove_apps(enrollment.device)
    if stays or not _may_be_there(status) or (is_app and not status.bundle_id):
        status.delete()
        return False
    status.attempts = 0
    if held_until is not None:
        mark_held(status, until=held_until)
        return False
    queue_removal(status, enrollment=enrollment)
    return True


def _may_be_there(status: ItemStatus) -> bool:
    """What was offered again may have been obeyed before: then the answer was lost, as when a
    device restarts in the middle."""
    if status.was_accepted:
        return True
    offered = Command.objects.filter(uuid=status.command_uuid, attempts__gt=1)
    return bool(status.command_uuid) and offered.exists()


def _go_on_removing(
    status: ItemStatus, *, enrollment: Enrollment, held_until: datetime | None, now: datetime
) -> bool:
    """After a refusal the device's list tells whether it is gone; then the next attempt."""
    is_due = status.due_at is not None and (status.due_at <= now or status.attempts == 0)
    if is_due and held_until is None:
        queue_removal(status, enrollment=enrollment)
        return True
    if is_due and held_until is not None:
        mark_held(status, until=held_until)
        return False
    ask_for_list(status.kind, enrollment=enrollment, since=status.settled_at)
    return False
