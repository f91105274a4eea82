"""A change of a group's policies reaches its devices in portions, each a task of its own.

So 100,000 devices hold up nobody else's task for longer than a portion takes. How far it is stands
in a row: a task that runs twice or is lost leaves no device out, and of several changes in a row
only the last one goes through all devices.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from devices.models import Group
from policies.models import Rollout
from policies.selectors import list_group_devices, list_live_enrollments
from policies.services.apply import apply_to_each

PORTION = 50
# Longer than a portion and whatever stands before it take: then its task is lost.
STALLED = timedelta(minutes=2)


def begin_rollouts(group_ids: Collection[int], *, now: datetime) -> None:
    """Begin with the first device of each group, also where a rollout has come half way."""
    # They must not be deleted before the rows that point to them are there.
    groups = Group.objects.select_for_update(no_key=True).filter(pk__in=group_ids).order_by("pk")
    Rollout.objects.bulk_create(
        [Rollout(group=group, touched_at=now) for group in groups],
        update_conflicts=True,
        unique_fields=["group"],
        update_fields=["run", "after", "touched_at"],
    )


def roll_out(group_id: int, *, now: datetime) -> bool:
    """Apply the policies to the group's next devices; return whether another task has to go on."""
    rollout = Rollout.objects.filter(group=group_id).first()
    if rollout is None:
        return False
    devices = list_group_devices(group_id, after=rollout.after, count=PORTION)
    apply_to_each(list_live_enrollments(devices), now=now)
    # Not where it was begun anew in the meantime, or a second task has done the same: these go on.
    mine = Rollout.objects.filter(group=group_id, run=rollout.run, after=rollout.after)
    if len(devices) < PORTION:
        mine.delete()
        return False
    return bool(mine.update(after=devices[-1], touched_at=now))


def claim_stalled_rollouts(*, now: datetime) -> list[int]:
    """Return the groups whose rollouts wait for a task that was lost, each to one caller alone.

    After a night without a worker many sweeps follow each other; each would start another task.
    """
    stalled = Rollout.objects.filter(touched_at__lt=now - STALLED)
    groups = list(stalled.order_by("touched_at").values_list("group_id", flat=True))
    return [group for group in groups if stalled.filter(group=group).update(touched_at=now)]
