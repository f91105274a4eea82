"""The checker catches what Apple's devices would refuse."""

from datetime import datetime
from typing import Any

import pytest

from tests.apple.schema import FACTS, check_command, check_payload, check_profile, read_facts

PASSCODE = "com.apple.mobiledevice.passwordpolicy"
COMMON = {
    "PayloadIdentifier": "com.example.1",
    "PayloadUUID": "8D1B1A1C-0001-4000-8000-000000000001",
    "PayloadVersion": 1,
}
MDM = {
    "PayloadType": "com.apple.mdm",
    "IdentityCertificateUUID": "8D1B1A1C-0001-4000-8000-000000000002",
    "Topic": "com.apple.mgmt.External.x",
    "ServerURL": "https://mdm.example.com/mdm/connect",
}
SCEP_CONTENT = {"URL": "https://mdm.example.com/scep/x", "Subject": [[["CN", "x"]]]}


def make_passcode(**changes: Any) -> dict[str, Any]:
    return COMMON | {"PayloadType": PASSCODE, "minLength": 6} | changes


def make_scep(**changes: Any) -> dict[str, Any]:
    content = SCEP_CONTENT | changes
    return COMMON | {"PayloadType": "com.apple.security.scep", "PayloadContent": content}


def test_nothing_is_found_when_a_payload_conforms() -> None:
    assert check_payload(make_passcode(), platform="ios") == []
    assert check_payload(make_scep(), platform="macos") == []
    assert check_payload(COMMON | MDM, platform="ipados") == []


@pytest.mark.parametrize(
    ("changes", "platform", "problem"),
    [
        ({"minLength": "6"}, "ios", "minLength is str, not integer"),
        ({"minLength": True}, "ios", "minLength is bool, not integer"),
        ({"minLength": 17}, "ios", "minLength is 17, out of bounds"),
        ({"minLength": -1}, "ios", "minLength is -1, out of bounds"),
        ({"minlength": 6}, "ios", "minlength is not a key of it"),
        ({"changeAtNextAuth": True}, "ios", "changeAtNextAuth does not exist on ios"),
        ({"PayloadVersion": 2}, "ios", "PayloadVersion is 2, not one of [1]"),
        ({"customRegex": {}}, "macos", "customRegex.passwordContentRegex is missing"),
    ],
)
def test_the_key_is_named_when_it_is_wrong(
    changes: dict[str, Any], platform: str, problem: str
) -> None:
    found = check_payload(make_passcode(**changes), platform=platform)
    assert found == [f"{PASSCODE}: {problem}"]


@pytest.mark.parametrize("key", ["PayloadIdentifier", "PayloadUUID", "PayloadVersion"])
def test_the_key_is_named_when_it_is_missing(key: str) -> None:
    payload = make_passcode()
    del payload[key]
    assert check_payload(payload, platform="ios") == [f"{PASSCODE}: {key} is missing"]


def test_a_key_of_macs_is_taken_when_the_platform_is_a_mac_or_unknown() -> None:
    for platform in ("macos", "other"):
        assert check_payload(make_passcode(changeAtNextAuth=True), platform=platform) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"Subject": [["CN", "x"]]},
        {"Subject": [[["CN"]]]},
        {"Subject": [[["CN", "x", "y"]]]},
        {"Subject": "CN=x"},
        {"Keysize": 3072},
        {"KeySize": 2048},
        {"CAFingerprint": "AB12"},
        {"URL": None},
    ],
)
def test_a_scep_payload_is_refused_when_a_nested_key_is_wrong(changes: dict[str, Any]) -> None:
    assert len(check_payload(make_scep(**changes), platform="ios")) >= 1


@pytest.mark.parametrize(
    "changes",
    [
        {"ServerURL": "http://mdm.example.com/mdm/connect"},
        {"IdentityCertificateUUID": "identity"},
        {"ServerCapabilities": ["com.apple.mdm.everything"]},
        {"ManagedAppleID": "somebody@example.com"},
        {"AccessRights": "8191"},
    ],
)
def test_an_mdm_payload_is_refused_when_a_key_is_wrong(changes: dict[str, Any]) -> None:
    assert len(check_payload(COMMON | MDM | changes, platform="ios")) == 1


def test_a_payload_is_refused_when_macs_take_it_for_a_user_only() -> None:
    clip = COMMON | {"PayloadType": "com.apple.webClip.managed", "URL": "https://x", "Label": "x"}
    assert check_payload(clip, platform="ios") == []
    assert len(check_payload(clip, platform="macos")) == 1


def test_a_payload_is_refused_when_its_type_or_platform_is_unknown() -> None:
    assert check_payload({"PayloadType": "com.apple.unknown"}, platform="ios")
    assert check_payload({"PayloadType": 5}, platform="ios")
    saver = COMMON | {"PayloadType": "com.apple.screensaver", "moduleName": "Flurry"}
    assert check_payload(saver, platform="ipados") == [
        "com.apple.screensaver: does not exist on ipados"
    ]


def make_profile(**changes: Any) -> dict[str, Any]:
    top = COMMON | {"PayloadUUID": "TOP", "PayloadType": "Configuration"}
    return top | {"PayloadContent": [make_passcode()]} | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"PayloadType": "Profile"},
        {"PayloadContent": {}},
        {"PayloadContent": [make_passcode(minLength=99)]},
        {"PayloadUUID": COMMON["PayloadUUID"]},
        {"RemovalDate": "2031-05-01"},
        {"TargetDeviceType": 9},
        {"Unheard": 1},
    ],
)
def test_a_profile_is_refused_when_it_or_a_payload_is_wrong(changes: dict[str, Any]) -> None:
    assert check_profile(make_profile(RemovalDate=datetime(2031, 5, 1)), platform="ios") == []
    assert len(check_profile(make_profile(**changes), platform="ios")) == 1


@pytest.mark.parametrize(
    ("command", "platform"),
    [
        ({}, "ios"),
        ({"RequestType": "SelfDestruct"}, "ios"),
        ({"RequestType": "InstallProfile"}, "ios"),
        ({"RequestType": "InstallProfile", "Payload": "text"}, "ios"),
        ({"RequestType": "DeviceLock", "PIN": "123456"}, "ios"),
        ({"RequestType": "SecurityInfo", "Queries": []}, "ios"),
        ({"RequestType": "DeviceInformation", "Queries": ["DeviceName", "Shoe"]}, "ios"),
        ({"RequestType": "DeviceInformation", "Queries": ["HasBattery"]}, "ios"),
        ({"RequestType": "InstallApplication", "ManagementFlags": 2}, "ios"),
        ({"RequestType": "InstallApplication", "InstallAsManaged": True}, "ios"),
        ({"RequestType": "InstallApplication", "Attributes": {}}, "macos"),
    ],
)
def test_a_command_is_refused_when_it_or_a_key_is_wrong(
    command: dict[str, Any], platform: str
) -> None:
    assert len(check_command(command, platform=platform)) == 1


def test_every_file_names_its_source_when_it_is_read() -> None:
    files = sorted(FACTS.glob("*/*.json"))
    assert len(files) >= 20
    for file in files:
        source = read_facts(f"{file.parent.name}/{file.stem}")["source"]
        assert "iOS 18.1/macOS 15.1" in source
