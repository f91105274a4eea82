"""Binary property lists (`bplist00`), read with a budget that every reference draws on.

The format is a table of objects that refer to each other by number, so a few bytes can
describe a list that contains itself, or one of 2^100 elements. Expansion stops at the
budget. Layout: CFBinaryPList.c of Apple's CoreFoundation.
"""

import struct
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from devices.errors import PlistInvalid
from devices.protocol.budget import Budget

MAGIC = b"bplist00"
TRAILER = struct.Struct(">6xBBQQQ")
EPOCH = datetime(2001, 1, 1)
DISTANT_PAST = -63114076800.0
"""Seconds from EPOCH to NSDate.distantPast, which Apple's software takes for "never"."""
SINGLETONS = {0x08: False, 0x09: True}
REALS = {2: struct.Struct(">f"), 3: struct.Struct(">d")}
ERRORS = (struct.error, ValueError, LookupError, OverflowError)


def read_binary(data: bytes, budget: Budget) -> Any:
    """Decode a binary property list; raises PlistInvalid."""
    try:
        reader, top = _open(data, budget)
        return reader.read(top, depth=1)
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
    return _Reader(data[:table], data[table:end], offset_size, reference_size, count, budget), top


@dataclass
class _Reader:
    objects: bytes
    offsets: bytes
    offset_size: int
    reference_size: int
    count: int
    budget: Budget
    scalars: dict[int, tuple[Any, int]] = field(default_factory=dict)

    def read(self, reference: int, *, depth: int) -> Any:
        if reference in self.scalars:
            value, size = self.scalars[reference]
            self.budget.spend(depth=depth, size=size)
            return value
        position = self._offset(reference)
        kind, low = divmod(self._slice(position, 1)[0], 16)
        if kind not in (0xA, 0xD):
            value, size = self._read_scalar(kind, low, position)
            self.budget.spend(depth=depth, size=size)
            self.scalars[reference] = value, size
            return value
        self.budget.spend(depth=depth)
        return self._read_container(kind, low, position, depth=depth)

    def _read_container(self, kind: int, low: int, position: int, *, depth: int) -> Any:
        length, start = self._length(low, position)
        if kind == 0xA:
            return [self.read(r, depth=depth + 1) for r in self._references(start, length)]
        references = self._references(start, 2 * length)
        keys = [self.read(reference, depth=depth + 1) for reference in references[:length]]
        if not all(isinstance(key, str) for key in keys):
            raise PlistInvalid("a key is not a string")
        values = [self.read(reference, depth=depth + 1) for reference in references[length:]]
        return dict(zip(keys, values, strict=True))

    def _read_scalar(self, kind: int, low: int, position: int) -> tuple[Any, int]:
        if kind == 0x0 and low in SINGLETONS:
            return SINGLETONS[low], 1
        if kind == 0x1 and low <= 4:
            return self._read_integer(self._slice(position + 1, 1 << low)), 8
        if kind == 0x2 and low in REALS:
            return REALS[low].unpack(self._slice(position + 1, 1 << low))[0], 8
        if kind == 0x3 and low == 3:
            seconds = REALS[3].unpack(self._slice(position + 1, 8))[0]
            if seconds == DISTANT_PAST:  # two days before the first that Python can say
                return datetime.min, 8
            return EPOCH + timedelta(seconds=seconds), 8
        if kind in (0x4, 0x5, 0x6):
            return self._read_text(kind, low, position)
        raise PlistInvalid(f"an object of unknown kind {kind:x}{low:x}")

    def _read_text(self, kind: int, low: int, position: int) -> tuple[Any, int]:
        length, start = self._length(low, position)
        size = length * (2 if kind == 0x6 else 1)
        raw = self._slice(start, size)
        if kind == 0x4:
            return raw, size
        return raw.decode("ascii" if kind == 0x5 else "utf-16-be"), size

    @staticmethod
    def _read_integer(raw: bytes) -> int:
        return int.from_bytes(raw, "big", signed=len(raw) >= 8)

    def _offset(self, reference: int) -> int:
        if reference >= self.count:
            raise PlistInvalid("a reference to an object that is not there")
        start = reference * self.offset_size
        return int.from_bytes(self.offsets[start : start + self.offset_size], "big")

    def _length(self, low: int, position: int) -> tuple[int, int]:
        """Return the number of elements and where they start."""
        if low != 0xF:
            return low, position + 1
        kind, power = divmod(self._slice(position + 1, 1)[0], 16)
        if kind != 0x1 or power > 3:
            raise PlistInvalid("a length that is not an integer")
        size = 1 << power
        return int.from_bytes(self._slice(position + 2, size), "big"), position + 2 + size

    def _references(self, start: int, length: int) -> list[int]:
        size = self.reference_size
        if length > self.budget.nodes_left:
            raise PlistInvalid("more elements than a message has")
        raw = self._slice(start, length * size)
        return [int.from_bytes(raw[i : i + size], "big") for i in range(0, len(raw), size)]

    def _slice(self, start: int, size: int) -> bytes:
        if start + size > len(self.objects):
            raise PlistInvalid("an object outside the file")
        return self.objects[start : start + size]
