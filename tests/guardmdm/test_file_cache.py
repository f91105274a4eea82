"""The cache of a server without Redis, by many at once."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from guardmdm.file_cache import CountingFileCache

THREADS, TIMES = 8, 25


def count(folder: str) -> list[bool]:
    """Count as rate limits do; return whose was the first count."""
    cache = CountingFileCache(folder, {})

    def once(_: int) -> bool:
        if cache.add("rate", 1, timeout=60):
            return True
        cache.incr("rate")
        return False

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(once, range(THREADS * TIMES)))


def test_nothing_is_lost_when_threads_and_processes_count_at_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        firsts = [first for each in pool.map(count, [str(tmp_path)] * 2) for first in each]
    assert firsts.count(True) == 1
    assert CountingFileCache(str(tmp_path), {}).get("rate") == 2 * THREADS * TIMES


def test_count_ends_with_its_time_and_with_the_cache(tmp_path: Path) -> None:
    cache = CountingFileCache(str(tmp_path), {})
    assert cache.add("rate", 1, timeout=0)
    assert cache.get("rate") is None
    assert cache.add("rate", 1, timeout=60)
    cache.clear()
    assert cache.add("rate", 1, timeout=60)
