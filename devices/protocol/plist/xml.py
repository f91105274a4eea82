"""XML property lists, read in one pass with expat.

It reads what plistlib reads, or less: what XML can do to a server is refused while it comes, not
afterwards. Elements and what stands in them: Apple, PropertyList-1.0.dtd.
"""

import binascii
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from xml.parsers import expat

from devices.errors import PlistInvalid
from devices.protocol.plist.budget import Budget

PIECE = 64 * 1024
LONGEST_TAG = 2 * PIECE
INTEGERS = range(-(2**63), 2**64)
MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z", re.ASCII)
DISTANT_PAST = "0000-12-30T00:00:00Z"  # as in devices.protocol.plist.binary
# All that XML 1.0 has no word for, but NUL, which no database takes: that is mended, or refused.
CONTROLS = bytes(code for code in range(1, 0x20) if code not in b"\t\n\r")
MOST_CONTROLS = 10_000
REPLACEMENT = "\ufffd"
"""Stands for what is no character (Unicode, 23.8)."""
UTF_8 = b'<?xml version="1.0" encoding="UTF-8"?>'
HIDDEN = 0xFDD0
"""The first of 32 code points that are no characters, for programs' own use (Unicode, 23.7)."""
# What expat and the readers of numbers, data and dates raise.
ERRORS = (expat.ExpatError, ValueError, LookupError, OverflowError)


def read_xml(data: bytes, budget: Budget, *, mends_texts: bool = False) -> Any:
    """Decode an XML property list; raises PlistInvalid.

    Apple's writer leaves control characters as they are, which XML has not: they are hidden from
    expat, and come back in keys and texts; for NUL comes REPLACEMENT, if `mends_texts`.
    """
    # A start tag each, and an end tag most: 10 MB of empty elements are refused unread.
    if data.count(b"<") > 2 * budget.nodes_left:
        raise PlistInvalid("more elements than a message of this size has")
    if mends_texts and _has_some(data, data.count(b"\0")):
        data = data.replace(b"\0", REPLACEMENT.encode())
    readers = READERS
    if _has_controls(data):
        data, readers = _hide_controls(data), SHOWING_READERS
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.ordered_attributes = True  # an empty list is cheaper than an empty dictionary
    parser.StartDoctypeDeclHandler = _check_doctype
    parser.EntityDeclHandler = _refuse_entity
    # What Apple's document type might declare: expat would leave it out of the text, unsaid.
    parser.SkippedEntityHandler = _refuse_entity
    tree = _Tree(parser, budget, readers)
    try:
        _feed(parser, data)
    except PlistInvalid:
        raise
    except ERRORS as error:
        raise PlistInvalid(f"not a property list ({type(error).__name__})") from error
    finally:
        # The parser knows the tree's methods, and the tree the parser: a circle.
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None
    return tree.root


def _has_controls(data: bytes) -> bool:
    """Whether Apple's writer has left some, and not so many that hiding them costs much.

    To look takes a hundredth of the time that reading takes.
    """
    return _has_some(data, len(data) - len(data.translate(None, CONTROLS)))


def _has_some(data: bytes, count: int) -> bool:
    return 0 < count <= MOST_CONTROLS and data.startswith(UTF_8)


def _hide_controls(data: bytes) -> bytes:
    for code in CONTROLS:
        data = data.replace(bytes([code]), chr(HIDDEN + code).encode())
    return data


def _feed(parser: expat.XMLParserType, data: bytes) -> None:
    """In pieces, as soon as there are several: the parser tells of a tag when it has ended.

    Then all its attributes are there: a tag of 10 MB would take 1.3 s and 80 MB.
    """
    whole = len(data) - len(data) % PIECE
    for end in range(PIECE, whole + 1, PIECE):
        parser.Parse(data[end - PIECE : end], False)
        if end - parser.CurrentByteIndex > LONGEST_TAG:
            raise PlistInvalid("a tag or a comment that does not end")
    parser.Parse(data[whole:], True)


class _Tree:
    """The value that grows out of expat's events.

    expat calls for text only inside the elements that have one, and then straight into a list:
    the white space between elements is most of what it would call for.
    """

    __slots__ = (
        "_budget", "_depth", "_inner", "_key", "_outer", "_parser", "_readers", "_text", "root",
    )  # fmt: skip

    def __init__(self, parser: expat.XMLParserType, budget: Budget, readers: "Readers") -> None:
        self.root: Any = None
        self._parser, self._budget, self._readers = parser, budget, readers
        self._depth = 0
        self._inner: dict[str, Any] | list[Any] | None = None
        self._outer: list[dict[str, Any] | list[Any] | None] = []
        self._key: str | None = None
        self._text: list[str] | None = None
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end

    def _start(self, name: str, _attributes: list[str]) -> None:
        self._depth += 1
        self._budget.spend(depth=self._depth)
        if self._text is not None:
            raise PlistInvalid("an element inside a value")
        if name in READERS:
            text: list[str] = []
            self._text = text
            self._parser.CharacterDataHandler = text.append
        elif name in CONTAINERS:
            child = CONTAINERS[name]()
            self._add(child)
            self._outer.append(self._inner)
            self._inner = child
        elif name != "plist" or self._depth > 1:
            raise PlistInvalid("an element that property lists do not have")

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._text is not None:
            value = self._readers[name]("".join(self._text))
            self._text = self._parser.CharacterDataHandler = None
            if name == "key":
                self._take_key(value)
            else:
                self._add(value)
        elif name != "plist":
            if self._key is not None:
                raise PlistInvalid("a key without a value")
            self._inner = self._outer.pop()

    def _take_key(self, key: str) -> None:
        if self._key is not None or type(self._inner) is not dict:
            raise PlistInvalid("a key where none belongs")
        self._key = key

    def _add(self, value: Any) -> None:
        if self._key is not None:
            self._inner[self._key] = value  # type: ignore[call-overload, index]
            self._key = None
        elif type(self._inner) is list:
            self._inner.append(value)
        elif self._inner is None and self.root is None:
            self.root = value
        else:
            raise PlistInvalid("a value without a key")


def _read_integer(text: str) -> int:
    _refuse_pythons_spelling(text)
    value = int(text, 16) if text.startswith(("0x", "0X")) else int(text)
    if value not in INTEGERS:
        raise PlistInvalid("an integer has more than 64 bits")
    return value


def _read_real(text: str) -> float:
    _refuse_pythons_spelling(text)
    value = float(text)
    if not math.isfinite(value):
        raise PlistInvalid("a number is not finite")
    return value


def _refuse_pythons_spelling(number: str) -> None:
    """To Python 1_000 is a number, and so are the digits of other scripts."""
    if "_" in number or not number.isascii():
        raise PlistInvalid("no number")


def _read_date(text: str) -> datetime:
    if text == DISTANT_PAST:
        return datetime.min
    found = MOMENT.fullmatch(text)
    if found is None:
        raise PlistInvalid("no date")
    year, month, day, hour, minute, second = (int(part) for part in found.groups())
    return datetime(year, month, day, hour, minute, second)


CONTAINERS: dict[str, Callable[[], dict[str, Any] | list[Any]]] = {"dict": dict, "array": list}
Readers = Mapping[str, Callable[[str], Any]]
READERS: Readers = {
    "key": str,
    "string": str,
    "integer": _read_integer,
    "real": _read_real,
    "true": lambda _: True,
    "false": lambda _: False,
    "data": lambda text: binascii.a2b_base64(text.encode()),
    "date": _read_date,
}
SHOWN = {HIDDEN + code: code for code in CONTROLS}


def _show_controls(text: str) -> str:
    return text.translate(SHOWN)


SHOWING_READERS: Readers = {**READERS, "key": _show_controls, "string": _show_controls}


def _check_doctype(name: str, _system: str | None, _public: str | None, subset: bool) -> None:
    if name != "plist" or subset:
        raise PlistInvalid("a document type of its own")


def _refuse_entity(*_: Any) -> None:
    raise PlistInvalid("an entity that XML does not have")
