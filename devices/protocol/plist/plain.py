"""Property lists of short texts, data and flags, as Apple's writer and plistlib word them.

An Idle is one, a TokenUpdate, and most of what a device acknowledges. Two expressions read it at a
tenth of what expat and the tree of devices.protocol.plist.xml cost. They know this one shape, byte
for byte, with texts that XML cannot mean otherwise; everything else is left to that reader.
"""

import re
from binascii import Error as BinasciiError
from binascii import a2b_base64
from typing import Any

LONGEST = 4096
HEAD = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" '
    b'"http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n'
    b'<plist version="1.0">\n<dict>\n'
)
TAIL = b"</dict>\n</plist>\n"
STRING, DATA, FLAG = r"[A-Za-z0-9 ._:-]*", r"[A-Za-z0-9+/=\n\t]+", "true|false"
VALUE = f"(?:<string>({STRING})</string>|<data>({DATA})</data>|<({FLAG})/>)"
PAIR = rf"\t<key>([A-Za-z]+)</key>\n\t{VALUE}\n"
FIND_PAIRS = re.compile(PAIR).findall
ARE_PAIRS = re.compile(f"(?:{PAIR})*").fullmatch


def read_plain(data: bytes) -> dict[str, Any] | None:
    """Return the dictionary, or None: this says nothing about right or wrong."""
    if len(data) > LONGEST or not (data.startswith(HEAD) and data.endswith(TAIL)):
        return None
    text = data[len(HEAD) : -len(TAIL)].decode("latin-1")
    if not ARE_PAIRS(text):
        return None
    try:
        return {key: _read(*value) for key, *value in FIND_PAIRS(text)}
    except BinasciiError:
        return None


def _read(string: str, data: str, flag: str) -> str | bytes | bool:
    """One of the three is there; only a string may be empty."""
    if data:
        return a2b_base64(data)
    return flag == "true" if flag else string
