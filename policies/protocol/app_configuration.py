"""What a managed app is configured with, as its maker's manual gives it: a property list."""

from typing import Any

from devices.errors import PlistInvalid
from devices.protocol.plist import decode_plist, encode_plist
from policies.errors import ItemInvalid

MAX_BYTES = 128 * 1024
FIELD = "configuration"


def decode_configuration(text: str) -> dict[str, Any]:
    """Read a whole property list, or only its <dict>; "" is none. Raises ItemInvalid."""
    text = text.strip()
    if not text:
        return {}
    if text.startswith("<dict"):
        text = f'<plist version="1.0">{text}</plist>'
    try:
        return decode_plist(text.encode(), max_bytes=MAX_BYTES)
    except (PlistInvalid, UnicodeEncodeError) as error:
        raise ItemInvalid(
            f"The configuration must be a property list with a <dict>: {error}.", field=FIELD
        ) from error


def encode_configuration(configuration: dict[str, Any]) -> bytes | None:
    """Return it as an XML property list, None for an empty one; raises ItemInvalid."""
    if not configuration:
        return None
    try:
        data = encode_plist(configuration)
    except (TypeError, ValueError, OverflowError) as error:
        raise ItemInvalid(f"No property list can hold it: {error}.", field=FIELD) from error
    if len(data) > MAX_BYTES:
        raise ItemInvalid(f"A configuration has at most {MAX_BYTES // 1024} KB.", field=FIELD)
    return data
