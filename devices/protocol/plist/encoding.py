"""The writer of property lists: XML where it has the words, exact to the byte where it has not."""

import plistlib
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from devices.protocol.plist.decoding import decode_plist

# U+FFFE and U+FFFF in UTF-8.
NO_CHARACTERS = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")


def encode_plist(value: Mapping[str, Any]) -> bytes:
    """Encode as an XML property list, keys in the given order.

    Raises ValueError where a text holds what XML has no word for.
    """
    data = plistlib.dumps(dict(value), fmt=plistlib.FMT_XML, sort_keys=False)
    if any(character in data for character in NO_CHARACTERS):
        raise ValueError("a text holds what is no character")
    return data


def encode_exactly(value: Mapping[str, Any]) -> bytes:
    """Encode as XML, or as a binary property list where XML has no word for a text.

    Devices take both. What they call their profiles and apps is told them in their own words.
    """
    try:
        return encode_plist(value)
    except ValueError:
        return plistlib.dumps(dict(value), fmt=plistlib.FMT_BINARY, sort_keys=False)


def read_back(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return it as whoever is told it reads it: XML keeps no CR, and no part of a second."""
    data = encode_exactly(value)
    return decode_plist(data, max_bytes=len(data))


def nest_plist(inner: bytes, *, key: str, beside: Mapping[str, Any]) -> bytes:
    """Return `beside` as a property list with one key more: the dictionary `inner`.

    `inner` is what encode_plist or encode_exactly has returned, and goes in as it is.
    """
    outer = encode_plist(beside)
    head, tail = _SHELL
    if not (inner.startswith(head) and inner.endswith(tail) and outer.endswith(tail)):
        return encode_exactly({**beside, key: decode_plist(inner, max_bytes=len(inner))})
    dictionary = inner[len(head) - len(_DICT) : len(inner) - len(_PLIST_END)]
    name = f"\t<key>{escape(key)}</key>\n".encode()
    return b"".join((outer[: -len(tail)], name, dictionary, tail))


# What plistlib writes around the keys of a dictionary.
_DICT, _PLIST_END = b"<dict>\n", b"</plist>\n"
_SHELL = (
    plistlib.dumps({"k": 0}, fmt=plistlib.FMT_XML).partition(_DICT)[0] + _DICT,
    b"</dict>\n" + _PLIST_END,
)
