"""Django's cache in files, in which nothing is lost that is counted at the same moment.

There, `add` and `incr` read a file and write it anew: of two at once one counts, so a flood would
get past the limits that are counted here.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.cache.backends.filebased import FileBasedCache


class CountingFileCache(FileBasedCache):
    """`add` and `incr` are one step each, for all threads and processes of this machine."""

    def __init__(self, folder: str, options: dict[str, Any]) -> None:
        super().__init__(folder, options)
        self._folder = Path(folder)

    def add(self, *arguments: Any, **options: Any) -> bool:
        with self._hold_lock():
            return super().add(*arguments, **options)

    def incr(self, *arguments: Any, **options: Any) -> int:
        with self._hold_lock():
            return super().incr(*arguments, **options)

    @contextmanager
    def _hold_lock(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Each opening has a lock of its own, so threads wait for each other as well.
        with (self._folder / "counting.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
