"""What a device says about itself in the Profile Service."""

from typing import Any

import pytest

from enrollment.errors import ProfileServiceRefused
from enrollment.protocol.device_attributes import (
    DeviceAttributes,
    decode_attributes,
    is_same_device,
)

IPHONE = {
    "UDID": "00008130-001A2B3C4D5E6F70",
    "SERIAL": "F2LX1234ABCD",
    "IMEI": "35 123456 123456 7",
    "MEID": "35123456123456",
    "PRODUCT": "iPhone16,1",
    "VERSION": "22B83",
    "CHALLENGE": "the challenge",
    "LANGUAGE": "de",
}


def test_every_attribute_is_read_when_an_iphone_tells_all() -> None:
    assert decode_attributes(IPHONE) == DeviceAttributes(
        udid="00008130-001A2B3C4D5E6F70",
        serial_number="F2LX1234ABCD",
        imei="35 123456 123456 7",
        meid="35123456123456",
        product="iPhone16,1",
        version="22B83",
        challenge="the challenge",
    )


def test_only_the_udid_is_needed_when_a_mac_tells_of_its_user() -> None:
    mac = {"UDID": "564D1234", "UserID": "501", "UserLongName": "Ada", "NotOnConsole": False}
    assert decode_attributes(mac) == DeviceAttributes(udid="564D1234")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("UDID", ""),
        ("UDID", "  "),
        ("UDID", None),
        ("UDID", b"bytes"),
        ("UDID", ["a"]),
        ("SERIAL", 5),
        ("SERIAL", True),
        ("SERIAL", "A" * 65),
        ("IMEI", "35\n36"),
        ("PRODUCT", "\x1b[31m"),
        ("PRODUCT", "a\u202eb"),
        ("CHALLENGE", "x" * 4097),
    ],
)
def test_message_is_refused_when_an_attribute_is_none_that_a_device_sends(
    key: str, value: Any
) -> None:
    with pytest.raises(ProfileServiceRefused) as caught:
        decode_attributes(IPHONE | {key: value})
    assert caught.value.code == "profile_service_malformed"


@pytest.mark.parametrize(
    ("udid", "serial", "same"),
    [
        ("00008130-001a2b3c4d5e6f70", "f2lx1234abcd", True),
        ("00008130-001A2B3C4D5E6F70", "", True),
        ("00008130-001A2B3C4D5E6F70", "F2LX1234ABCE", False),
        ("00008130-001A2B3C4D5E6F71", "F2LX1234ABCD", False),
        ("", "F2LX1234ABCD", False),
    ],
)
def test_devices_are_told_apart_when_udid_or_serial_number_differ(
    udid: str, serial: str, same: bool
) -> None:
    attributes = decode_attributes(IPHONE)
    assert is_same_device(attributes, udid=udid, serial_number=serial) == same
