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
    window, elapsed = divmod(int(time.time()), seconds)
    slot = f"rate:{key}:{seconds}:{window}"
    if _count(slot, seconds) > limit:
        raise RateLimited(seconds - elapsed)


def _count(slot: str, seconds: int) -> int:
    try:
        if cache.add(slot, 1, timeout=seconds):
            return 1
        return int(cache.incr(slot))
    except (OSError, ValueError, RedisError):
        return 1
