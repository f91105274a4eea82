"""How often one client may try: a fixed window, counted in the cache that processes share."""

import time

from django.core.cache import cache
from redis.exceptions import RedisError

from organization.errors import RateLimited


def check_rate(key: str, *, limit: int, seconds: int) -> None:
    """Count one try under `key`; raises RateLimited after `limit` tries in `seconds`.

    `key` names the door and the client, like `enroll:192.0.2.1`. Without a reachable
    cache nothing is counted and nothing is refused: enrollment goes on.
    """
    slot, left = _get_window(key, seconds)
    if _count(slot, seconds) > limit:
        raise RateLimited(left)


def count_try(key: str, *, seconds: int) -> int:
    """Count one try under `key`; return how many there were in the present `seconds`.

    Without a reachable cache each is the first.
    """
    return _count(_get_window(key, seconds)[0], seconds)


def check_tries(key: str, *, limit: int, seconds: int) -> None:
    """Raise RateLimited where check_rate has counted more than `limit`; count nothing."""
    slot, left = _get_window(key, seconds)
    if _read(slot) > limit:
        raise RateLimited(left)


def _get_window(key: str, seconds: int) -> tuple[str, int]:
    """Return the cache key of the present window, and how many seconds of it are left."""
    window, elapsed = divmod(int(time.time()), seconds)
    return f"rate:{key}:{seconds}:{window}", seconds - elapsed


def _read(slot: str) -> int:
    try:
        return int(cache.get(slot, 0))
    except (OSError, ValueError, RedisError):
        return 0


def _count(slot: str, seconds: int) -> int:
    try:
        if cache.add(slot, 1, timeout=seconds):
            return 1
        return int(cache.incr(slot))
    except (OSError, ValueError, RedisError):
        return 1
