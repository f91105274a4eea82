"""What a check-in message is answered with."""

from dataclasses import dataclass

PLIST, JSON = "application/xml; charset=utf-8", "application/json"


@dataclass(frozen=True)
class Answer:
    """The body, usually empty, and its Content-Type."""

    body: bytes = b""
    content_type: str = PLIST
