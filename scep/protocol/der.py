"""DER, read and written directly, where asn1crypto is too slow: in what every request costs.

The reader knows one shape at a time and asks for each element by its tag; whatever is not exactly
as asked for raises Unfamiliar, and its caller lets asn1crypto decide. So this reader may refuse
too much, and must never accept more (X.690 sections 8.1 and 10.1; constructed encodings of
indefinite length, which devices send, are read too).
"""

from functools import lru_cache

INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x02, 0x03, 0x04, 0x05, 0x06
UTF8_STRING, PRINTABLE_STRING = 0x0C, 0x13
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
BOOLEAN, SEQUENCE, SET = 0x01, 0x30, 0x31
CONTEXT_0, CONTEXT_3 = 0xA0, 0xA3
PRIMITIVE_0 = 0x80
CONSTRUCTED = 0x20

INDEFINITE = 0x80
END_OF_CONTENTS = b"\0\0"
MAX_SHORT = 0x7F


class Unfamiliar(Exception):
    """Not the one shape that the direct reader knows; says nothing about right or wrong."""


class Reader:
    """Walks through the elements of `data`, in order, and into those that `enter` names.

    `leave` and `finish` want everything to have been read that is inside. One object for a whole
    message: there are forty elements in one, and each call less counts. `is_der`: an element of
    indefinite length is Unfamiliar.
    """

    __slots__ = ("_data", "_end", "_is_der", "_is_indefinite", "_outer", "position")

    def __init__(self, data: bytes, *, is_der: bool = False) -> None:
        self._data, self._end, self._is_der = data, len(data), is_der
        self.position = 0
        self._is_indefinite = False
        self._outer: list[tuple[int, bool]] = []

    def enter(self, *tags: int) -> None:
        """Go into the next element, of definite length or not; into the first inside it, ..."""
        data = self._data
        for tag in tags:
            begin = self.position
            self._outer.append((self._end, self._is_indefinite))
            if begin + 2 <= self._end and data[begin + 1] == INDEFINITE:
                if data[begin] != tag or not tag & CONSTRUCTED or self._is_der:
                    raise Unfamiliar
                self.position, self._is_indefinite = begin + 2, True
            else:
                self.position, self._end = self._locate(tag, begin)
                self._is_indefinite = False

    def leave(self, levels: int = 1) -> None:
        """Go on behind the element that was entered last, and those around it."""
        for _ in range(levels):
            if self._is_indefinite:
                position = self.position
                self.position = end = position + len(END_OF_CONTENTS)
                if end > self._end or self._data[position:end] != END_OF_CONTENTS:
                    raise Unfamiliar
            elif self.position != self._end:
                raise Unfamiliar
            self._end, self._is_indefinite = self._outer.pop()

    def finish(self, levels: int = 0) -> None:
        """Leave, and raise Unfamiliar unless that was all."""
        self.leave(levels)
        if self._outer or self.position != self._end:
            raise Unfamiliar

    def peek(self) -> int | None:
        """Return the next element's tag, or None where nothing is left inside."""
        if self.position >= self._end:
            return None
        tag = self._data[self.position]
        return None if tag == 0 and self._is_indefinite else tag

    def take(self, tag: int) -> bytes:
        """Return the contents of the next element."""
        data, begin = self._data, self.position
        start = begin + 2
        if start <= self._end and data[begin] == tag:
            self.position = end = start + data[begin + 1]
            if end <= self._end and end - start <= MAX_SHORT:
                return data[start:end]
        start, self.position = self._locate(tag, begin)
        return data[start : self.position]

    def take_whole(self, tag: int) -> bytes:
        """Return the next element as it stands, header and contents."""
        begin = self.position
        self.position = self._locate(tag, begin)[1]
        return self._data[begin : self.position]

    def take_octets(self, tag: int = OCTET_STRING) -> bytes:
        """Return an OCTET STRING, primitive or in pieces (X.690 section 8.7)."""
        if self.peek() == tag:
            return self.take(tag)
        pieces = []
        self.enter(tag | CONSTRUCTED)
        while self.peek() is not None:
            pieces.append(self.take(OCTET_STRING))
        self.leave()
        return b"".join(pieces)

    def _locate(self, tag: int, position: int) -> tuple[int, int]:
        """Return where the element's contents start and end; their length is minimal."""
        data, limit = self._data, self._end
        if position + 2 > limit or data[position] != tag:
            raise Unfamiliar
        length, start = data[position + 1], position + 2
        if length > MAX_SHORT:
            size = length - INDEFINITE
            start += size
            # 64 KB is the longest message, so two bytes of length are enough.
            if size not in (1, 2) or start > limit:
                raise Unfamiliar
            length = int.from_bytes(data[start - size : start])
            if length <= (MAX_SHORT if size == 1 else 0xFF):
                raise Unfamiliar
        if start + length > limit:
            raise Unfamiliar
        return start, start + length


def read_only(data: bytes, tag: int) -> bytes:
    """Return the contents of the one element that `data` is; raises Unfamiliar."""
    reader = Reader(data)
    contents = reader.take(tag)
    reader.finish()
    return contents


def encode(tag: int, *parts: bytes) -> bytes:
    """Return one element with these contents."""
    contents = b"".join(parts)
    length = len(contents)
    if length <= MAX_SHORT:
        return bytes((tag, length)) + contents
    size = (length.bit_length() + 7) // 8
    return bytes((tag, INDEFINITE | size)) + length.to_bytes(size) + contents


def encode_set_of(tag: int, members: list[bytes]) -> bytes:
    """Return a SET OF, its members in DER's order (X.690 section 11.6)."""
    return encode(tag, *sorted(members))


def encode_integer(value: int) -> bytes:
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


@lru_cache(maxsize=256)
def encode_oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER, whole; raises ValueError for what is none."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return encode(OID, *(_encode_arc(arc) for arc in (first * 40 + second, *rest)))


def _encode_arc(arc: int) -> bytes:
    digits = [arc & MAX_SHORT]
    while arc := arc >> 7:
        digits.append(arc & MAX_SHORT | 0x80)
    return bytes(reversed(digits))


def encode_algorithm(dotted: str, parameters: bytes = b"\x05\x00") -> bytes:
    """Return an AlgorithmIdentifier, its parameters NULL unless given."""
    return encode(SEQUENCE, encode_oid(dotted), parameters)
