"""Binary property lists (`bplist00`), read with a budget that every reference draws on.

The format is a table of objects that refer to each other by number, so a few bytes can
describe a list that contains itself, or one of 2^100 elements. Expansion stops at the
budget. Layout: CFBinaryPList.c of Apple's CoreFoundation.
"""

import math
import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from devices.errors import PlistInvalid
from devices.protocol.plist.budget import Budget
from devices.protocol.plist.xml import INTEGERS, REPLACEMENT

MAGIC = b"bplist00"
TRAILER = struct.Struct(">6xBBQQQ")
EPOCH = datetime(2001, 1, 1)
DISTANT_PAST = -63114076800.0
"""Seconds from EPOCH to NSDate.distantPast, which Apple's software takes for "never"."""
SINGLETONS = {0x08: False, 0x09: True}
REALS = {2: struct.Struct(">f"), 3: struct.Struct(">d")}
SHELLS: dict[int, Callable[[], dict[str, Any] | list[Any]]] = {0xA: list, 0xD: dict}
CONTAINER_NODES = 6
"""What an empty list costs beside its reference: it takes 60 bytes of memory, and its time."""
AGAIN_NODES = 30
"""What one costs that has been built before: encoders share texts and numbers, not lists."""
ERRORS = (struct.error, ValueError, LookupError, OverflowError)


def read_binary(data: bytes, budget: Budget, *, mends_texts: bool = False) -> Any:
    """Decode a binary property list; raises PlistInvalid.

    `mends_texts`: REPLACEMENT stands where a text holds NUL or half a surrogate pair.
    """
    try:
        reader, top = _open(data, budget)
        reader.mends_texts = mends_texts
        return reader.read(top)
    except PlistInvalid:
        raise
    except ERRORS as error:
        raise PlistInvalid(f"not a binary property list ({type(error).__name__})") from error


def _open(data: bytes, budget: Budget) -> tuple["_Reader", int]:
    offset_size, reference_size, count, top, table = TRAILER.unpack(data[-TRAILER.size :])
    end = len(data) - TRAILER.size
    if not 1 <= offset_size <= 8 or not 1 <= reference_size <= 8:
        raise PlistInvalid("a trailer with impossible sizes")
    if table < len(MAGIC) or table + count * offset_size > end:
        raise PlistInvalid("an offset table outside the file")
    if count > budget.nodes_left:
        raise PlistInvalid("more objects than a message of this size has")
    return _Reader(data[:table], data[table:end], offset_size, reference_size, count, budget), top


class _Reader:
    """What stands under a reference is read once if it is a scalar, and paid for each time.

    A list pays for its elements before it reads them. Those among them that are lists again are
    there at once, and filled when this level has been read: with a call for each level, a Python
    of 3.11 takes ten times as long where its stack just needs another piece of memory.
    """

    def __init__(
        self,
        objects: bytes,
        offsets: bytes,
        offset_size: int,
        reference_size: int,
        count: int,
        budget: Budget,
    ) -> None:
        self._objects, self._offsets, self._offset_size = objects, offsets, offset_size
        self._reference_size, self._count, self._budget = reference_size, count, budget
        self._scalars: list[Any] = [None] * count
        self._built: set[int] = set()
        self.mends_texts = False
        # Of the level that comes: what is to be filled, and from where.
        self._shells: list[dict[str, Any] | list[Any]] = []
        self._positions: list[int] = []

    def read(self, top: int) -> Any:
        depth = 1
        self._budget.spend(depth=depth)
        root = self._read_first(top)
        while self._shells:
            depth += 1
            level = zip(self._shells, self._positions, strict=True)
            self._shells, self._positions = [], []
            for shell, position in level:
                self._fill(shell, position, depth=depth)
        return root

    def _read_first(self, reference: int) -> Any:
        """Return a scalar, or the shell of a list or dictionary."""
        position = self._offset(reference)
        kind, low = divmod(self._slice(position, 1)[0], 16)
        if kind in SHELLS:
            is_again = reference in self._built
            self._budget.spend(depth=0, nodes=AGAIN_NODES if is_again else CONTAINER_NODES)
            self._built.add(reference)
            shell = SHELLS[kind]()
            self._shells.append(shell)
            self._positions.append(position)
            return shell
        value = self._read_scalar(kind, low, position)
        self._budget.spend(depth=0, nodes=0, size=_measure(value))
        self._scalars[reference] = value
        return value

    def _fill(self, shell: dict[str, Any] | list[Any], position: int, *, depth: int) -> None:
        length, start = self._length(self._slice(position, 1)[0] & 0xF, position)
        if not length:
            return
        if isinstance(shell, list):
            shell.extend(self._read_all(start, length, depth=depth))
            return
        keys = self._read_all(start, length, depth=depth)
        if not all(type(key) is str for key in keys):
            raise PlistInvalid("a key is not a string")
        values = self._read_all(start + length * self._reference_size, length, depth=depth)
        shell.update(zip(keys, values, strict=True))

    def _read_all(self, start: int, length: int, *, depth: int) -> list[Any]:
        """Return so many objects that are referred to there; most have been read before."""
        self._budget.spend(depth=depth, nodes=length)
        width, scalars, values, size = self._reference_size, self._scalars, [], 0
        raw = self._slice(start, length * width)
        for at in range(0, len(raw), width):
            reference = int.from_bytes(raw[at : at + width], "big")
            if reference >= self._count:
                raise PlistInvalid("a reference to an object that is not there")
            value = scalars[reference]
            if value is None:
                value = self._read_first(reference)
            elif type(value) is str or type(value) is bytes:
                size += len(value)
            values.append(value)
        self._budget.spend(depth=0, nodes=0, size=size)
        return values

    def _read_scalar(self, kind: int, low: int, position: int) -> Any:
        if kind == 0x0 and low in SINGLETONS:
            return SINGLETONS[low]
        if kind == 0x1 and low <= 4:
            return self._read_integer(self._slice(position + 1, 1 << low))
        if kind == 0x2 and low in REALS:
            return _check_real(REALS[low].unpack(self._slice(position + 1, 1 << low))[0])
        if kind == 0x3 and low == 3:
            seconds = REALS[3].unpack(self._slice(position + 1, 8))[0]
            if seconds == DISTANT_PAST:  # two days before the first that Python can say
                return datetime.min
            return EPOCH + timedelta(seconds=seconds)
        if kind in (0x4, 0x5, 0x6):
            return self._read_text(kind, low, position)
        raise PlistInvalid(f"an object of unknown kind {kind:x}{low:x}")

    def _read_text(self, kind: int, low: int, position: int) -> str | bytes:
        length, start = self._length(low, position)
        raw = self._slice(start, length * (2 if kind == 0x6 else 1))
        if kind == 0x4:
            return raw
        if kind == 0x5:
            text = raw.decode("ascii")
        else:
            text = raw.decode("utf-16-be", "replace" if self.mends_texts else "strict")
        if "\0" not in text:
            return text
        if not self.mends_texts:
            raise PlistInvalid("a string holds NUL")
        return text.replace("\0", REPLACEMENT)

    @staticmethod
    def _read_integer(raw: bytes) -> int:
        value = int.from_bytes(raw, "big", signed=len(raw) >= 8)
        if value not in INTEGERS:
            raise PlistInvalid("an integer has more than 64 bits")
        return value

    def _offset(self, reference: int) -> int:
        if reference >= self._count:
            raise PlistInvalid("a reference to an object that is not there")
        start = reference * self._offset_size
        offset = int.from_bytes(self._offsets[start : start + self._offset_size], "big")
        if offset < len(MAGIC):
            raise PlistInvalid("an object outside the file")
        return offset

    def _length(self, low: int, position: int) -> tuple[int, int]:
        """Return the number of elements and where they start."""
        if low != 0xF:
            return low, position + 1
        kind, power = divmod(self._slice(position + 1, 1)[0], 16)
        if kind != 0x1 or power > 3:
            raise PlistInvalid("a length that is not an integer")
        size = 1 << power
        return int.from_bytes(self._slice(position + 2, size), "big"), position + 2 + size

    def _slice(self, start: int, size: int) -> bytes:
        if start + size > len(self._objects):
            raise PlistInvalid("an object outside the file")
        return self._objects[start : start + size]


def _measure(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes) else 0


def _check_real(value: float) -> float:
    if not math.isfinite(value):
        raise PlistInvalid("a number is not finite")
    return value
