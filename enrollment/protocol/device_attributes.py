"""What a device says about itself in the Profile Service's phases 2 and 3, before its certificate.

The keys are upper-case here, unlike those of check-in. Signed by the device, they are claims all
the same: the identity that signs proves an Apple device, not that its UDID is the one it says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from enrollment.errors import ProfileServiceRefused

REQUESTED = ("UDID", "VERSION", "PRODUCT", "SERIAL", "MEID", "IMEI")
"""The profile's DeviceAttributes. Macs add names of users, which are not read."""
MAX_TEXT = 64
MAX_CHALLENGE = 4096
MALFORMED = "profile_service_malformed"


@dataclass(frozen=True)
class DeviceAttributes:
    """`version` is the build, like 22B83, `product` like iPhone16,1; "" = not told."""

    udid: str
    serial_number: str = ""
    imei: str = ""
    meid: str = ""
    product: str = ""
    version: str = ""
    challenge: str = field(default="", repr=False)


def decode_attributes(message: Mapping[str, Any]) -> DeviceAttributes:
    """Read a message's attributes; raises ProfileServiceRefused without a UDID."""
    udid = _read_text(message, "UDID")
    if not udid:
        raise ProfileServiceRefused(MALFORMED, "the device does not say its UDID")
    return DeviceAttributes(
        udid=udid,
        serial_number=_read_text(message, "SERIAL"),
        imei=_read_text(message, "IMEI"),
        meid=_read_text(message, "MEID"),
        product=_read_text(message, "PRODUCT"),
        version=_read_text(message, "VERSION"),
        challenge=_read_text(message, "CHALLENGE", most=MAX_CHALLENGE),
    )


def is_same_device(attributes: DeviceAttributes, *, udid: str, serial_number: str) -> bool:
    """Whether they are of the device with this UDID and, where both are told, serial number."""
    return is_same(attributes.udid, udid) and (
        not (attributes.serial_number and serial_number)
        or is_same(attributes.serial_number, serial_number)
    )


def is_same(one: str, other: str) -> bool:
    """Whether two identifiers are the same, which nothing writes in one case always."""
    return one.strip().upper() == other.strip().upper()


def _read_text(message: Mapping[str, Any], key: str, *, most: int = MAX_TEXT) -> str:
    value = message.get(key, "")
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise ProfileServiceRefused(MALFORMED, f"{key} is no text that a device would send")
    return value.strip()
