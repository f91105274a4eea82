"""The one reader of property lists that come from outside, and the writer.

plistlib lets pass what a device never sends: recursive and exponentially shared binary
lists, UIDs, keys that are no strings, not-a-number. So XML is scanned before plistlib sees
it, binary lists are read by devices.protocol.binary_plist, and both end in one check.
"""

import math
import plistlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from devices.errors import PlistInvalid, PlistTooLarge
from devices.protocol.binary_plist import MAGIC, read_binary
from devices.protocol.budget import Budget
from devices.protocol.xml_plist import read_xml

INTEGERS = range(-(2**63), 2**64)


def decode_plist(data: bytes, *, max_bytes: int) -> dict[str, Any]:
    """Decode an XML or binary property list whose root is a dictionary.

    Values are str, bytes, bool, int (64 bits), finite float, naive UTC datetime, list, dict.
    Raises PlistTooLarge above `max_bytes`, and PlistInvalid for everything else.
    """
    if len(data) > max_bytes:
        raise PlistTooLarge(f"{len(data)} bytes, at most {max_bytes} are taken")
    budget = Budget(bytes_left=2 * max_bytes)
    root = read_binary(data, budget) if data.startswith(MAGIC) else read_xml(data, budget)
    if not isinstance(root, dict):
        raise PlistInvalid("the root is not a dictionary")
    _check(root)
    return root


def encode_plist(value: Mapping[str, Any]) -> bytes:
    """Encode as an XML property list, keys in the given order."""
    return plistlib.dumps(dict(value), fmt=plistlib.FMT_XML, sort_keys=False)


def _check(value: Any) -> None:
    """Refuse what a database or a JSON document cannot hold; depth is already bounded."""
    if isinstance(value, dict):
        for key, child in value.items():
            if not isinstance(key, str):
                raise PlistInvalid("a key is not a string")
            _check(key)
            _check(child)
    elif isinstance(value, list):
        for child in value:
            _check(child)
    else:
        _check_scalar(value)


def _check_scalar(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise PlistInvalid("a string holds NUL")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise PlistInvalid("a number is not finite")
    elif isinstance(value, int):
        if value not in INTEGERS:
            raise PlistInvalid("an integer has more than 64 bits")
    elif not isinstance(value, bytes | datetime):
        raise PlistInvalid(f"a value is a {type(value).__name__}")
