"""Reading keys of a decoded message with their types."""

from typing import Any

from devices.errors import MessageInvalid

LONGEST_TEXT = 1024
LONGEST_DATA = 64 * 1024


def get_text(message: dict[str, Any], key: str) -> str:
    """Return a required, non-empty text; raises MessageInvalid."""
    text = find_text(message, key)
    if not text:
        raise MessageInvalid(f"{key} is missing")
    return text


def find_text(message: dict[str, Any], key: str) -> str:
    """Return a text, or "" where the key is absent; raises MessageInvalid for another type."""
    value = message.get(key, "")
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise MessageInvalid(f"{key} is not a short text")
    return value


def get_data(message: dict[str, Any], key: str, *, longest: int = LONGEST_DATA) -> bytes:
    """Return required, non-empty data; raises MessageInvalid."""
    data = find_data(message, key, longest=longest)
    if not data:
        raise MessageInvalid(f"{key} is missing")
    return data


def find_data(message: dict[str, Any], key: str, *, longest: int = LONGEST_DATA) -> bytes | None:
    """Return data, or None where the key is absent; raises MessageInvalid for others."""
    value = message.get(key)
    if value is not None and (not isinstance(value, bytes) or len(value) > longest):
        raise MessageInvalid(f"{key} is not data of at most {longest} bytes")
    return value


def find_flag(message: dict[str, Any], key: str) -> bool | None:
    """Return true or false, or None where the key is absent; raises MessageInvalid for others."""
    value = message.get(key)
    if value is not None and not isinstance(value, bool):
        raise MessageInvalid(f"{key} is neither true nor false")
    return value
