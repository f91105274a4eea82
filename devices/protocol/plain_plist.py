"""Property lists of nothing but short texts, as Apple's writer and plistlib word them.

An Idle is one, and most of what a device acknowledges. Two expressions read it at a tenth of what
expat and the tree of devices.protocol.xml_plist cost. They know this one shape, byte for byte,
with texts that XML cannot mean otherwise; everything else is left to that reader.
"""

import re

LONGEST = 4096
HEAD = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" '
    b'"http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n'
    b'<plist version="1.0">\n<dict>\n'
)
TAIL = b"</dict>\n</plist>\n"
PAIR = r"\t<key>([A-Za-z]+)</key>\n\t<string>([A-Za-z0-9 ._:-]*)</string>\n"
FIND_PAIRS = re.compile(PAIR).findall
ARE_PAIRS = re.compile(f"(?:{PAIR})*").fullmatch


def read_plain(data: bytes) -> dict[str, str] | None:
    """Return the dictionary, or None: this says nothing about right or wrong."""
    if len(data) > LONGEST or not (data.startswith(HEAD) and data.endswith(TAIL)):
        return None
    text = data[len(HEAD) : -len(TAIL)].decode("latin-1")
    return dict(FIND_PAIRS(text)) if ARE_PAIRS(text) else None
