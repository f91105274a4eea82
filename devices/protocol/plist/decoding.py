"""The one reader of property lists that come from outside.

plistlib lets pass what a device never sends: recursive and exponentially shared binary
lists, UIDs, keys that are no strings, not-a-number. So XML is read by xml, and binary lists by
binary, on a budget; plain is a short cut.
"""

from typing import Any

from devices.errors import PlistInvalid, PlistTooLarge
from devices.protocol.plist.binary import MAGIC, read_binary
from devices.protocol.plist.budget import build_budget
from devices.protocol.plist.plain import read_plain
from devices.protocol.plist.xml import read_xml


def decode_plist(data: bytes, *, max_bytes: int, mends_texts: bool = False) -> dict[str, Any]:
    """Decode an XML or binary property list whose root is a dictionary.

    Values are str, bytes, bool, int (64 bits), finite float, naive UTC datetime, list, dict.
    No text holds NUL or half a surrogate pair: `mends_texts` reads U+FFFD in their place.
    Raises PlistTooLarge above `max_bytes`, and PlistInvalid for everything else.
    """
    if len(data) > max_bytes:
        raise PlistTooLarge(f"{len(data)} bytes, at most {max_bytes} are taken")
    plain = read_plain(data)
    if plain is not None:
        return plain
    is_binary = data.startswith(MAGIC)
    budget = build_budget(data, max_bytes=max_bytes, is_binary=is_binary)
    read = read_binary if is_binary else read_xml
    root = read(data, budget, mends_texts=mends_texts)
    if not isinstance(root, dict):
        raise PlistInvalid("the root is not a dictionary")
    return root
