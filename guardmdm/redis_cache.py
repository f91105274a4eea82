"""Django's cache in Redis, and in each process's own memory while Redis is out of reach.

What is counted there (sign-ins, refusals, requests) then counts for each process alone. Nobody is
kept from signing in to see what is wrong, and nobody may try passwords without end meanwhile.
"""

import logging
import time
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

PAUSE_SECONDS = 10
"""How long Redis is left alone after a failure, so that not every request waits for it."""
PROBE, PROBE_SECONDS = "guardmdm.probe", 10
"""A key of Redis, and how long it stays: whether it takes anything shows when it is given some."""
OWN, MOST_ENTRIES = "while redis is away", 2000
logger = logging.getLogger(__name__)


class EnduringRedisCache(RedisCache):
    """`server` and `params` are those of RedisCache."""

    # Django makes a cache for each thread; what one has found out spares the others the wait.
    _away_until = 0.0

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        own = {**params, "OPTIONS": {"MAX_ENTRIES": MOST_ENTRIES}}
        self._own = LocMemCache(OWN, own)

    def _ask(self, name: str, *arguments: Any, **options: Any) -> Any:
        if self._may_ask_redis():
            try:
                answer = getattr(super(), name)(*arguments, **options)
            except (RedisError, OSError) as error:
                EnduringRedisCache._away_until = time.monotonic() + PAUSE_SECONDS
                logger.warning("Redis is out of reach (%s): this process counts alone", error)
            else:
                EnduringRedisCache._away_until = 0.0
                return answer
        return getattr(self._own, name)(*arguments, **options)

    def reach(self) -> None:
        """Write to Redis; raises RedisError or OSError where nothing can be written."""
        super().set(PROBE, "", PROBE_SECONDS)

    @classmethod
    def _may_ask_redis(cls) -> bool:
        """After a pause one thread tries whether Redis is back, and the others go on without."""
        now = time.monotonic()
        if now < cls._away_until:
            return False
        if cls._away_until:
            EnduringRedisCache._away_until = now + PAUSE_SECONDS
        return True

    def add(self, *arguments: Any, **options: Any) -> Any:
        return self._ask("add", *arguments, **options)

    def get(self, *arguments: Any, **options: Any) -> Any:
        return self._ask("get", *arguments, **options)

    def set(self, *arguments: Any, **options: Any) -> Any:
        return self._ask("set", *arguments, **options)

    def touch(self, *arguments: Any, **options: Any) -> Any:
        return self._ask("touch", *arguments, **options)

    def delete(self, *arguments: Any, **options: Any) -> Any:
        return self._ask("delete", *arguments, **options)

    def get_many(self, *arguments: Any, **options: Any) -> Any:
        return self._ask("get_many", *arguments, **options)

    def has_key(self, *arguments: Any, **options: Any) -> Any:
        return self._ask("has_key", *arguments, **options)

    def incr(self, *arguments: Any, **options: Any) -> Any:
        return self._ask("incr", *arguments, **options)

    def set_many(self, *arguments: Any, **options: Any) -> Any:
        return self._ask("set_many", *arguments, **options)

    def delete_many(self, *arguments: Any, **options: Any) -> Any:
        return self._ask("delete_many", *arguments, **options)

    def clear(self) -> Any:
        self._own.clear()
        return self._ask("clear")
