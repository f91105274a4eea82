"""What an administrator should know of a profile that is valid, but may not do what it seems."""

from collections.abc import Iterator
from typing import Any

REMOVAL_PASSWORD = "com.apple.profileRemovalPassword"  # noqa: S105 - a payload type


def find_warnings(content: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for each key that hinders removal or ends the profile by itself."""
    if content.get("PayloadRemovalDisallowed"):
        yield "PayloadRemovalDisallowed holds on supervised devices only; we can still remove it."
    if content.get("HasRemovalPasscode") or _has_type(content, REMOVAL_PASSWORD):
        yield "The profile asks for a password when a person removes it."
    if "RemovalDate" in content or "DurationUntilRemoval" in content:
        yield "The profile removes itself; the device then gets it again."
    if content.get("PayloadScope") == "User":
        yield "PayloadScope is User; Macs get it for the whole system, as the policy is a device's."


def _has_type(content: dict[str, Any], payload_type: str) -> bool:
    return any(payload["PayloadType"] == payload_type for payload in content["PayloadContent"])
