"""A .mobileconfig that an administrator hands over for a device: read far enough to be one."""

from typing import Any

from devices.errors import CommandInvalid, PlistInvalid
from devices.protocol.plist import decode_plist
from scep.protocol.signed_content import SignedContentInvalid, extract_signed_content

MAX_BYTES = 10 * 1024 * 1024
DER_SEQUENCE = 0x30
KEYS = ("PayloadIdentifier", "PayloadUUID")


def check_profile(data: bytes) -> bytes:
    """Return the file as it is, signed or not; raises CommandInvalid with what to change."""
    read_profile(data)
    return data


def read_profile(data: bytes, *, of: str = "profile", max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Return what is in the file; its signature is the device's affair. Raises CommandInvalid."""
    if len(data) > max_bytes:
        raise CommandInvalid(f"the {of} is larger than {max_bytes // 1024} KB")
    try:
        content = extract_signed_content(data) if data[:1] == bytes([DER_SEQUENCE]) else data
        profile = decode_plist(content, max_bytes=max_bytes)
    except (SignedContentInvalid, PlistInvalid) as error:
        raise CommandInvalid(f"the {of} cannot be read: {error}") from error
    if profile.get("PayloadType") != "Configuration":
        raise CommandInvalid(f"the {of} is no configuration profile")
    for key in KEYS:
        if not isinstance(profile.get(key), str) or not profile[key]:
            raise CommandInvalid(f"the {of} has no {key}")
    return profile
