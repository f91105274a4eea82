"""Asking for a push: noted in the row, so that the sweep finds it when the task is lost."""

from datetime import datetime

from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone
from redis.exceptions import RedisError

from devices.models import Enrollment
from devices.services.push_claims import reclaim_lost
from devices.services.push_sources import SOURCES, PushSource
from devices.signals import push_requested

# One task takes all requests in hand: until it begins, none is announced beside it. A task that
# is lost in the broker keeps others from being announced only so long.
ANNOUNCED, ANNOUNCED_SECONDS = "push-announced", 3


def request_push(enrollment: Enrollment) -> None:
    """Wake the device soon; requests until then are one push, and one task."""
    waiting = Enrollment.objects.filter(pk=enrollment.pk, push_requested_at=None)
    if waiting.update(push_requested_at=timezone.now()):
        push_requested.send(Enrollment, enrollment=enrollment)


def insist_on_push(enrollment: Enrollment) -> None:
    """Like request_push, but now: an earlier failure's waiting time is over."""
    Enrollment.objects.filter(pk=enrollment.pk).update(
        push_requested_at=timezone.now(), push_not_before=None
    )
    push_requested.send(Enrollment, enrollment=enrollment)


def request_due_pushes(*, now: datetime) -> int:
    """Ask for a push for everything that should be woken; return how many that are.

    That is what has a command that waits or whose answer is overdue, ever less often where
    nobody comes, and what was in the hand of a worker that is dead.
    """
    return sum(reclaim_lost(each, now=now) + _request_due(each, now=now) for each in SOURCES)


def _request_due(source: PushSource, *, now: datetime) -> int:
    may_try = Q(push_not_before=None) | Q(push_not_before__lte=now)
    idle = source.list_reachable().filter(push_requested_at=None, push_claimed_at=None)
    due = idle.filter(source.is_due(now), may_try)
    rows = source.list_rows().filter(pk__in=due.values("pk"), push_requested_at=None)
    return rows.update(push_requested_at=now)


def announce() -> bool:
    """Return whether a task has to be started for requests that were just committed."""
    try:
        return bool(cache.add(ANNOUNCED, 1, timeout=ANNOUNCED_SECONDS))
    except (OSError, ValueError, RedisError):
        return True


def end_announcement() -> None:
    """Requests from now on need another task: this one begins, or could not be started."""
    try:
        cache.delete(ANNOUNCED)
    except (OSError, ValueError, RedisError):
        return
