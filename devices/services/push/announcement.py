"""One task takes all requested pushes in hand: until it begins, no other one is started.

Ten thousand commands at once would otherwise be ten thousand tasks that find nothing to do.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.core.cache import cache
from redis.exceptions import RedisError

from devices.models import Enrollment, UserChannel
from devices.signals import push_requested

Target = Enrollment | UserChannel
SLOT, SOON_SLOT = "push-announced", "push-announced-soon"
# A task that the broker has lost keeps others from being started only so long.
SECONDS = 3
PAUSE_SECONDS = 10
SOON_SECONDS = 1


class Announcement:
    """In the cache that processes share; where that cannot be reached, the sweep does the work.

    After one failure it is left alone for a while, so that not every request waits for it.
    """

    _unreachable_until = 0.0

    @classmethod
    def make(cls) -> bool:
        """Return whether a task has to be started for requests that were just committed."""
        return cls._add(SLOT, seconds=SECONDS)

    @classmethod
    def make_soon(cls) -> bool:
        """Return whether one has to be started that begins in SOON_SECONDS."""
        return cls._add(SOON_SLOT, seconds=SOON_SECONDS)

    @classmethod
    def _add(cls, slot: str, *, seconds: int) -> bool:
        if time.monotonic() < cls._unreachable_until:
            return False
        try:
            return bool(cache.add(slot, 1, timeout=seconds))
        except (OSError, ValueError, RedisError):
            cls._unreachable_until = time.monotonic() + PAUSE_SECONDS
            return False

    @classmethod
    def end(cls) -> None:
        """Requests from now on need another task: this one begins, or could not be started."""
        if time.monotonic() < cls._unreachable_until:
            return
        try:
            cache.delete_many([SLOT, SOON_SLOT])
        except (OSError, ValueError, RedisError):
            cls._unreachable_until = time.monotonic() + PAUSE_SECONDS


_gathered: ContextVar[list[Target] | None] = ContextVar("_gathered", default=None)


@contextmanager
def gather_announcements() -> Iterator[None]:
    """Announce at the end, once, all pushes that are asked for until then: one task sends many."""
    targets: list[Target] = []
    token = _gathered.set(targets)
    try:
        yield
    finally:
        _gathered.reset(token)
        for target in targets[-1:]:
            push_requested.send(type(target), target=target)


def gather(target: Target) -> bool:
    """Leave the announcement of its push to gather_announcements, if that is on; return whether."""
    targets = _gathered.get()
    if targets is not None:
        targets.append(target)
    return targets is not None
