"""A package's file on its way to a device, where no nginx hands it out.

Each such download holds a thread of the web server until the device has it. So there is a
number of them that run at once, beside which threads for everything else remain, and a device
that takes almost nothing is cut off: it comes again and asks for the rest.
"""

import threading
from pathlib import Path
from time import monotonic

from django.conf import settings

PIECE = 256 * 1024
SLOWEST = 16 * 1024  # bytes a second, over the whole download
GRACE_SECONDS = 60

_slots = threading.BoundedSemaphore(settings.DOWNLOAD_THREADS)


class NoSlot(Exception):
    """As many downloads run as this process has threads for."""


class TooSlow(Exception):
    """The device has taken almost nothing for a while."""


class Download:
    """The bytes of a part of a file, in pieces; holds a slot until it is closed or forgotten."""

    def __init__(self, path: Path, *, start: int, length: int) -> None:
        """Raises NoSlot, FileNotFoundError."""
        self._file = path.open("rb")
        self._left = length
        self._sent = 0
        self._began = monotonic()
        self._file.seek(start)
        self._has_slot = _slots.acquire(blocking=False)
        if not self._has_slot:
            self._file.close()
            raise NoSlot

    def __iter__(self) -> "Download":
        return self

    def __next__(self) -> bytes:
        piece = self._file.read(min(PIECE, self._left))
        if not piece:
            self.close()
            raise StopIteration
        self._check_pace()
        self._left -= len(piece)
        self._sent += len(piece)
        return piece

    def _check_pace(self) -> None:
        seconds = monotonic() - self._began
        if seconds > GRACE_SECONDS and self._sent < seconds * SLOWEST:
            self.close()
            raise TooSlow

    def close(self) -> None:
        self._file.close()
        if self._has_slot:
            self._has_slot = False
            _slots.release()

    def __del__(self) -> None:
        # A server that forgets a response without closing it must not lose the slot.
        if hasattr(self, "_has_slot"):
            self.close()
