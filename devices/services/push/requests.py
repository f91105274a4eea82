"""Asking for a push: noted in the row, so that the sweep finds it when the task is lost."""

from datetime import datetime

from django.utils import timezone

from devices.models import Enrollment, UserChannel
from devices.services.push.claims import is_rested, reclaim_lost
from devices.services.push.sources import SOURCES, PushSource, request_columns, split_keys
from devices.signals import push_requested


def request_push(target: Enrollment | UserChannel) -> None:
    """Wake the device, or its user's channel, soon; requests until then are one push.

    One that waits already may have been left over by its task, since the device had not come
    yet for the push before. It has meanwhile, so a task is needed again.
    """
    unasked = type(target)._default_manager.filter(pk=target.pk, push_requested_at=None)
    unasked.update(**request_columns(timezone.now()))
    push_requested.send(type(target), target=target)


def insist_on_push(enrollment: Enrollment) -> None:
    """Like request_push, but now: an earlier failure's waiting time is over."""
    Enrollment.objects.filter(pk=enrollment.pk).update(
        **request_columns(timezone.now()), push_not_before=None
    )
    push_requested.send(Enrollment, target=enrollment)


def request_due_pushes(*, now: datetime) -> int:
    """Ask for a push for everything that should be woken; return how many that are.

    That is what has a command that waits or whose answer is overdue, ever less often where
    nobody comes, and what was in the hand of a worker that is dead.
    """
    return sum(reclaim_lost(each, now=now) + _request_due(each, now=now) for each in SOURCES)


def _request_due(source: PushSource, *, now: datetime) -> int:
    idle = source.list_reachable().filter(
        is_rested(now), push_requested_at=None, push_claimed_at=None
    )
    due = split_keys(source.list_due(now).order_by().distinct())
    return sum(source.update_free(idle.filter(pk__in=keys), **request_columns(now)) for keys in due)
