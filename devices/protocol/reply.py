"""What this server replies to a message of a device; what a device says is an answer."""

from dataclasses import dataclass

PLIST, JSON = "application/xml; charset=utf-8", "application/json"


@dataclass(frozen=True)
class Reply:
    """The body, usually empty, and its Content-Type."""

    body: bytes = b""
    content_type: str = PLIST
