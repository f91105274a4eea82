"""UserList: who has an account on a Mac or a Shared iPad. Keys: Apple, user.list."""

from typing import Any

from devices.protocol.inventory.values import read_flag, read_integer, read_text

MOST, LONGEST = 500, 255
TEXTS = ("UserName", "FullName", "UserGUID")
FLAGS = ("IsLoggedIn", "MobileAccount", "HasSecureToken", "HasDataToSync")
NUMBERS = ("UID", "DataQuota", "DataUsed")


def decode_users(answer: Any) -> list[dict[str, Any]]:
    """Return the users under Apple's names, without what a device did not say; at most MOST."""
    entries = answer if isinstance(answer, list) else []
    return [_decode(entry) for entry in entries[:MOST] if isinstance(entry, dict)]


def _decode(entry: dict[str, Any]) -> dict[str, Any]:
    texts = {key: read_text(entry, key, longest=LONGEST) for key in TEXTS}
    flags = {key: read_flag(entry, key) for key in FLAGS}
    numbers = {key: read_integer(entry, key) for key in NUMBERS}
    user: dict[str, Any] = texts | flags | numbers
    return {key: value for key, value in user.items() if value not in (None, "")}
