"""How many refused requests one address may send before it has to wait.

Only refusals count: a school behind one router enrolls a hundred devices at once. Past the
limit nothing of the address is answered or logged, until the minute is over.
"""

import time
from contextlib import suppress
from functools import lru_cache

from organization.errors import RateLimited
from organization.services.rate_limit import check_rate, check_tries

REFUSAL_LIMIT, SECONDS = 120, 60


def count_refusal(remote_address: str | None) -> None:
    """Remember that a request of the address was refused."""
    with suppress(RateLimited):
        check_rate(_key(remote_address), limit=REFUSAL_LIMIT, seconds=SECONDS)
    _check_this_second.cache_clear()


def check_refusals(remote_address: str | None) -> None:
    """Raise RateLimited where too many requests of the address were refused.

    That an address may go on is asked once a second, and after each refusal of this process: the
    count that all processes share costs as much as a statement.
    """
    _check_this_second(remote_address, int(time.monotonic()))


@lru_cache(maxsize=1024)
def _check_this_second(remote_address: str | None, _second: int) -> None:
    check_tries(_key(remote_address), limit=REFUSAL_LIMIT - 1, seconds=SECONDS)


def _key(remote_address: str | None) -> str:
    return f"scep:{remote_address}"
