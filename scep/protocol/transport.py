"""SCEP over HTTP (RFC 8894 section 4.1): reading the query as devices really write it."""

import base64
import binascii
import re
from collections.abc import Container
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

from scep.errors import MessageUnreadable, NothingAsked

MAX_QUERY_BYTES = 8 * 1024
MAX_BODY_BYTES = 64 * 1024
AS_BASE64, LINE_BREAKS = bytes.maketrans(b" -_", b"++/"), b"\t\n\v\f\r"
NAMES = ("operation", "message")
NAME = re.compile(r"[A-Za-z0-9]{1,32}")


@dataclass(frozen=True)
class Query:
    """A SCEP query: the operation's name, and `message` as it came, still percent-encoded."""

    operation: str
    message: str


def decode_query(raw: str) -> Query:
    """Read the raw query string; raises MessageUnreadable for more than 8 KB, or one named twice.

    Not by form rules: macOS writes base64 with a bare `+`, which they would turn into a space.
    """
    if len(raw) > MAX_QUERY_BYTES:
        raise MessageUnreadable("the query is longer than 8 KB")
    found: dict[str, str] = {}
    for part in raw.split("&"):
        name, _, value = part.partition("=")
        if name in found:
            # Which of the two counts would be another matter to a proxy that looks at one of them.
            raise MessageUnreadable(f"the request says twice what its {name} is")
        if name in NAMES:
            found[name] = value
    return Query(operation=unquote(found.get("operation", "")), message=found.get("message", ""))


def check_operation(query: Query, offered: Container[str], *, is_get: bool) -> None:
    """Raise MessageUnreadable where `offered` lacks the operation, NothingAsked for a bare GET.

    A POST of that kind has lost its query on the way, or never had one: somebody wants something.
    """
    name = query.operation
    if name in offered:
        return
    if not name and not query.message and is_get:
        raise NothingAsked("This is the address of a SCEP server: it is for devices.")
    if not name:
        raise MessageUnreadable("the request names no SCEP operation")
    named = f" {name}" if NAME.fullmatch(name) else ""
    raise MessageUnreadable(f"the SCEP operation{named} is not offered here")


def decode_message_text(text: str) -> bytes:
    """Return the bytes of a percent-encoded base64 `message`; raises MessageUnreadable.

    Without one, too. Spaces were `+` before somebody decoded them; missing padding is added. It may
    be encoded once more than it should, broken in lines, and of the URL-safe alphabet.
    """
    if not text:
        raise MessageUnreadable("the request holds no message")
    encoded = unquote_to_bytes(text.replace(" ", "+"))
    if b"%" in encoded:
        encoded = unquote_to_bytes(encoded)
    encoded = encoded.translate(AS_BASE64, LINE_BREAKS).rstrip(b"=")
    try:
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise MessageUnreadable("the message is not base64") from error
