"""BER whose lengths are not told ahead (X.690 section 8.1.3.6), written with definite ones.

asn1crypto loses the end of such a SEQUENCE where it is one of a CHOICE: a recipient, a name.
"""

from collections.abc import Callable
from typing import TypeVar

from scep.protocol.reading import MALFORMED

Read = TypeVar("Read")
MAX_DEPTH = 64
SEQUENCE, SET = b"\x30", b"\x31"
CONSTRUCTED, LONG_TAG, MORE = 0x20, 0x1F, 0x80
INDEFINITE, LONG_LENGTH = 0x80, 0x80
END_OF_CONTENTS = b"\0\0"


def read_any_lengths(data: bytes, read: Callable[[bytes], Read]) -> Read:
    """Return what `read` makes of the data, or of the same with definite lengths.

    Raises what `read` raises at first, where the lengths are not to blame.
    """
    try:
        return read(data)
    except MALFORMED as error:
        try:
            definite = encode_definite(data)
        except ValueError:
            raise error from None
        if definite == data:
            raise
        return read(definite)


def encode_definite(data: bytes) -> bytes:
    """Return the same elements, each SEQUENCE and SET of definite length; raises ValueError.

    All others stay as they are, with new lengths around what has changed: a string in pieces has
    the tag of an explicit one, and is read as it stands.
    """
    elements, end = _read_elements(data, 0, limit=len(data), depth=0, is_indefinite=False)
    assert end == len(data)  # noqa: S101 - the reader stops nowhere else
    return elements


def _read_elements(
    data: bytes, position: int, *, limit: int, depth: int, is_indefinite: bool
) -> tuple[bytes, int]:
    """Return what stands there until `limit`, or until the end-of-contents, and what follows it."""
    if depth > MAX_DEPTH:
        raise ValueError("the elements are nested too deeply")
    found: list[bytes] = []
    while position < limit:
        if is_indefinite and data[position : position + 2] == END_OF_CONTENTS:
            return b"".join(found), position + 2
        element, position = _read_element(data, position, limit=limit, depth=depth)
        found.append(element)
    if is_indefinite:
        raise ValueError("an element of indefinite length does not end")
    return b"".join(found), position


def _read_element(data: bytes, begin: int, *, limit: int, depth: int) -> tuple[bytes, int]:
    start = _skip_tag(data, begin, limit=limit)
    tag, is_constructed = data[begin:start], bool(data[begin] & CONSTRUCTED)
    length, start = _read_length(data, start, limit=limit)
    if length is None and not is_constructed:
        raise ValueError("a primitive element must have a definite length")
    end = limit if length is None else start + length
    if end > limit:
        raise ValueError("an element is longer than what it stands in")
    contents = data[start:end]
    if is_constructed:
        contents, end = _read_elements(
            data, start, limit=end, depth=depth + 1, is_indefinite=length is None
        )
    if length is None and tag not in (SEQUENCE, SET):
        return tag + bytes((INDEFINITE,)) + contents + END_OF_CONTENTS, end
    return tag + _encode_length(len(contents)) + contents, end


def _skip_tag(data: bytes, begin: int, *, limit: int) -> int:
    position = begin + 1
    if data[begin] & LONG_TAG == LONG_TAG:
        while position < limit and data[position] & MORE:
            position += 1
        position += 1
    return position


def _read_length(data: bytes, position: int, *, limit: int) -> tuple[int | None, int]:
    """Return the length, None where it is indefinite, and where the contents start."""
    if position >= limit:
        raise ValueError("an element ends before its length")
    first, start = data[position], position + 1
    if first < LONG_LENGTH:
        return first, start
    if first == INDEFINITE:
        return None, start
    end = start + first - LONG_LENGTH
    if end > limit:
        raise ValueError("an element ends before its length")
    return int.from_bytes(data[start:end]), end


def _encode_length(length: int) -> bytes:
    if length < LONG_LENGTH:
        return bytes((length,))
    size = (length.bit_length() + 7) // 8
    return bytes((LONG_LENGTH | size,)) + length.to_bytes(size)
