"""What a program is told of a value that no device takes: the parameter and what is wrong."""

import base64
import plistlib
from typing import Any

import pytest

from devices.errors import ParameterInvalid
from devices.protocol.commands import DeviceFacts, get_command_type
from tests.policies.profiles import make_mobileconfig

PROFILE = plistlib.loads(make_mobileconfig())
URL = "https://example.com/x"
INVITATION = {"program_id": "com.apple.cloudvpp", "invitation_url": URL}
PNG, JPEG = b"\x89PNG\r\n\x1a\nrest", b"\xff\xd8\xff\xe0rest"


def build(name: str, parameters: dict[str, Any], *, platform: str) -> dict[str, Any]:
    return get_command_type(name).build_body(parameters, facts=DeviceFacts(platform=platform))


REFUSED: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("InstallProfile", "ios", {"payload": b"no profile"}, "payload", "cannot be read"),
    ("InstallProfile", "ios", {"payload": b"0\x03abc"}, "payload", "CMS"),
    ("InstallProfile", "macos", {"payload": plistlib.dumps(["x"])}, "payload", "dictionary"),
    *(
        (
            "InstallProfile",
            "ios",
            {"payload": plistlib.dumps(PROFILE | {key: ""})},
            "payload",
            words,
        )
        for key, words in (
            ("PayloadType", "no configuration profile"),
            ("PayloadIdentifier", "PayloadIdentifier"),
            ("PayloadUUID", "PayloadUUID"),
        )
    ),
    ("Settings.Wallpaper", "ios", {"where": 1, "image": b"GIF89a"}, "image", "PNG or JPEG"),
    *(
        ("InviteToProgram", "ios", INVITATION | {"invitation_url": url}, "invitation_url", words)
        for url, words in (
            ("http://example.com", "https"),
            ("example.com", "https"),
            ("https://", "https"),
            ("javascript:alert(1)", "https"),
            ("https://example.com/a b", "cannot be read"),
        )
    ),
    ("RefreshCellularPlans", "ios", {"esim_server_url": "ftp://x"}, "esim_server_url", "https"),
    ("InstallApplication", "ios", {"manifest_url": "http://x.example"}, "manifest_url", "https"),
    (
        "InstallApplication",
        "ios",
        {"identifier": "a", "attributes": {"Colour": "red"}},
        "attributes",
        "Colour",
    ),
    ("InstallMedia", "ios", {"media_type": "Book", "media_url": "http://x"}, "media_url", "book"),
    ("InstallEnterpriseApplication", "macos", {"manifest": {}}, "manifest", "items"),
    ("InstallEnterpriseApplication", "macos", {"manifest_url": "x"}, "manifest_url", "https"),
    (
        "InstallEnterpriseApplication",
        "macos",
        {"manifest_url": URL, "check_revocation": True},
        "check_revocation",
        "certificate",
    ),
    ("DeviceLock", "macos", {"pin": "12345"}, "pin", "six digits"),
    ("EraseDevice", "macos", {"pin": "12345x"}, "pin", "six digits"),
    ("EraseDevice", "ios", {"wifi_profile": b"junk"}, "wifi_profile", "cannot be read"),
]


@pytest.mark.parametrize(("name", "platform", "parameters", "parameter", "words"), REFUSED)
def test_the_parameter_is_named_when_no_device_takes_its_value(
    name: str, platform: str, parameters: dict[str, Any], parameter: str, words: str
) -> None:
    with pytest.raises(ParameterInvalid, match=words) as refusal:
        build(name, parameters, platform=platform)
    assert refusal.value.field == f"parameters.{parameter}"


def test_it_goes_out_as_it_is_when_devices_take_it() -> None:
    encrypted = PROFILE | {"EncryptedPayloadContent": b"for one device"}
    for profile in (PROFILE, encrypted):
        for kind in (plistlib.FMT_XML, plistlib.FMT_BINARY):
            data = plistlib.dumps(profile, fmt=kind)
            given = {"payload": base64.b64encode(data).decode()}
            assert build("InstallProfile", given, platform="ios")["Payload"] == data
    for image in (PNG, JPEG):
        command = build("Settings.Wallpaper", {"where": 1, "image": image}, platform="ios")
        assert command["Settings"][0]["Image"] == image
    assert build("InviteToProgram", INVITATION, platform="ios")["InvitationURL"] == URL
    plans = build("RefreshCellularPlans", {"esim_server_url": URL}, platform="ios")
    assert plans["eSIMServerURL"] == URL
