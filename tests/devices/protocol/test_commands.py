"""Commands: each as its platform understands it, wrong parameters refused by name."""

import base64
from functools import partial
from typing import Any

import pytest

from devices.errors import CommandInvalid
from devices.protocol.commands import (
    DeviceFacts,
    build_command,
    build_device_information,
    build_device_lock,
    build_erase_device,
    build_install_application,
    build_managed_application_list,
    generate_pin,
)
from devices.protocol.plist import decode_plist, encode_plist
from tests.devices.wifi import make_wifi_profile
from tests.policies.profiles import make_mobileconfig

PROFILE, WIFI = make_mobileconfig(), make_wifi_profile()
PACKAGE = {"items": [{"assets": [{"url": "https://example.com/a.pkg"}]}]}

EXAMPLES: dict[str, dict[str, Any]] = {
    "DeviceInformation": {},
    "SecurityInfo": {},
    "ProfileList": {},
    "InstallProfile": {"payload": base64.b64encode(PROFILE).decode()},
    "RemoveProfile": {"identifier": "com.example.wifi"},
    "InstallApplication": {"itunes_store_id": 361309726},
    "ManagedApplicationList": {"identifiers": ["com.apple.Pages"]},
    "RemoveApplication": {"identifier": "com.apple.Pages"},
    "DeviceLock": {"pin": "123456", "message": "Lost", "phone_number": "+41 44 000 00 00"},
    "EraseDevice": {"pin": "123456", "obliteration_behavior": "DoNotObliterate"},
    "RestartDevice": {},
    "InstallEnterpriseApplication": {"manifest_url": "https://example.com/m.plist"},
    "InstalledApplicationList": {"identifiers": ["com.apple.Pages"], "managed_only": True},
    "ManagedApplicationConfiguration": {"identifiers": ["com.apple.Pages"]},
    "ManagedApplicationFeedback": {"identifiers": ["com.apple.Pages"]},
    "CertificateList": {"managed_only": True},
    "UserList": {},
    "Settings.HostName": {"host_name": "front-desk"},
    "ScheduleOSUpdate": {"install_action": "InstallLater", "max_user_deferrals": 3},
    "RotateFileVaultKey": {"key_type": "personal", "password": "correct horse"},
    "Settings.ApplicationConfiguration": {
        "identifier": "com.example.app",
        "configuration": "<plist><dict><key>Port</key><integer>443</integer></dict></plist>",
    },
}


@pytest.mark.parametrize("request_type", EXAMPLES)
def test_every_command_survives_its_journey(request_type: str) -> None:
    body = build_command(request_type, platform="macos", parameters=EXAMPLES[request_type])
    assert body["RequestType"] == request_type.partition(".")[0]
    assert decode_plist(encode_plist(body), max_bytes=100_000) == body


def test_base64_becomes_data_when_a_program_sends_a_profile() -> None:
    parameters = {"payload": base64.b64encode(PROFILE).decode()}
    body = build_command("InstallProfile", platform="ios", parameters=parameters)
    assert body["Payload"] == PROFILE


@pytest.mark.parametrize(
    ("request_type", "parameters", "named"),
    [
        ("InstallProfile", {"payload": "###"}, "payload"),
        ("InstallProfile", {"payload": ""}, "empty"),
        ("InstallProfile", {}, "missing"),
        ("RemoveProfile", {"identifier": 7}, "identifier"),
        ("RemoveProfile", {"identifier": "a\0b"}, "identifier"),
        ("RemoveProfile", {"identifier": "a\x07b"}, "identifier"),
        ("RemoveProfile", {"identifier": "a\uffffb"}, "identifier"),
        ("InstallApplication", {"manifest_url": "https://example.com/a b"}, "cannot be read"),
        ("InstallApplication", {"manifest_url": "https://example.com/a\nb"}, "cannot be read"),
        ("InstallApplication", {"manifest_url": "https://example.com:99999/"}, "cannot be read"),
        ("InstallApplication", {"identifier": "a", "configuration": {"a": "\ufffe"}}, "config"),
        ("InstallApplication", {"itunes_store_id": True}, "itunes_store_id"),
        ("InstallApplication", {"itunes_store_id": -1}, "itunes_store_id"),
        ("InstallApplication", {}, "exactly one"),
        ("InstallApplication", {"itunes_store_id": 1, "identifier": "a"}, "exactly one"),
        ("InstallApplication", {"manifest_url": "http://example.com/m.plist"}, "https"),
        ("InstallApplication", {"manifest_url": "http://127.0.0.1.example.com/m"}, "https"),
        ("InstallApplication", {"manifest_url": "https:///m.plist"}, "https"),
        ("InstallApplication", {"identifier": "a", "management_flags": 2}, "flags"),
        ("InstallApplication", {"identifier": "a", "configuration": []}, "configuration"),
        ("InstallApplication", {"identifier": "a", "configuration": {"a": None}}, "configuration"),
        (
            "InstallApplication",
            {"identifier": "a", "configuration": {"a": "\x01"}},
            "configuration",
        ),
        ("InstallApplication", {"identifier": "a", "attributes": {"Colour": "red"}}, "Colour"),
        ("InstallApplication", {"identifier": "a", "attributes": {"Removable": 1}}, "Removable"),
        (
            "InstallApplication",
            {"identifier": "a", "attributes": {"AssociatedDomains": [""]}},
            "AssociatedDomains must hold no empty text",
        ),
        ("InstallApplication", {"identifier": "a", "ios_app": True}, "does not exist on iOS"),
        ("InstallMedia", {"media_type": "Book", "media_url": "https://["}, "the book's URL"),
        ("InstallMedia", {"media_type": "Book", "media_url": "https:"}, "https URL"),
        ("RemoveMedia", {"media_type": "Book"}, "exactly one"),
        (
            "RemoveMedia",
            {"media_type": "Book", "itunes_store_id": "5", "persistent_id": "a"},
            "exactly one",
        ),
        ("ValidateApplications", {"identifiers": ["com.example.app", ""]}, "identifiers"),
        ("Settings.DeviceName", {"device_name": "x" * 4097}, "at most 4096 characters"),
        ("RequestMirroring", {"destination_name": "tv", "password": "x" * 1025}, "password"),
        ("ManagedApplicationConfiguration", {"identifiers": []}, "identifiers"),
        ("ManagedApplicationFeedback", {}, "missing"),
        ("Settings.ApplicationConfiguration", {}, "identifier"),
        ("EraseDevice", {"obliteration_behavior": "Always"}, "does not exist on iOS"),
        ("EraseDevice", {"wifi_profile": WIFI}, "Return to Service"),
        ("RestartDevice", {"now": True}, "now"),
        ("AccountConfiguration", {}, "AccountConfiguration"),
        ("__class__", {}, "__class__"),
    ],
)
def test_the_wrong_parameter_is_named(
    request_type: str, parameters: dict[str, Any], named: str
) -> None:
    with pytest.raises(CommandInvalid, match=named):
        build_command(request_type, platform="ios", parameters=parameters)


@pytest.mark.parametrize(
    ("request_type", "parameters"),
    [
        ("ScheduleOSUpdate", {"install_action": "Default", "product_version": ""}),
        ("RemoveMedia", {"media_type": "Book", "itunes_store_id": "5", "persistent_id": ""}),
        ("Settings.ApplicationAttributes", {"identifier": "a", "vpn_uuid": ""}),
        ("DeclarativeManagement", {"data": ""}),
    ],
)
def test_a_device_is_told_nothing_of_what_was_left_empty(
    request_type: str, parameters: dict[str, Any]
) -> None:
    said = {name: value for name, value in parameters.items() if value}
    build = partial(build_command, request_type, platform="ios")
    assert build(parameters=parameters) == build(parameters=said)


def test_an_attribute_is_refused_when_the_systems_version_does_not_know_it() -> None:
    parameters = {"identifier": "a", "attributes": {"Removable": False, "Hideable": True}}
    build = partial(build_command, "InstallApplication", platform="ios", parameters=parameters)
    assert build(os_version="18.1")["Attributes"] == parameters["attributes"]
    with pytest.raises(CommandInvalid, match=r"Hideable needs iOS 18\.1; this iPhone has 17\.6"):
        build(os_version="17.6")


@pytest.mark.parametrize("pin", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "123456\n"])
def test_a_mac_is_not_locked_when_its_pin_is_not_six_digits(pin: str) -> None:
    with pytest.raises(CommandInvalid):
        build_device_lock(platform="macos", pin=pin)


def test_a_phone_gets_no_pin() -> None:
    locked = build_device_lock(platform="ios", message="Lost", phone_number="1")
    assert locked == {"RequestType": "DeviceLock", "Message": "Lost", "PhoneNumber": "1"}
    for build in (build_device_lock, build_erase_device):
        with pytest.raises(CommandInvalid):
            build(platform="ios", pin="123456")


def test_random_pins_are_six_digits() -> None:
    pins = {generate_pin() for _ in range(200)}
    assert len(pins) > 190
    assert all(build_device_lock(platform="macos", pin=pin)["PIN"] == pin for pin in pins)


@pytest.mark.parametrize(
    ("platform", "asked", "not_asked"),
    [
        ("ios", "IsMDMLostModeEnabled", "IsAppleSilicon"),
        ("ipados", "ServiceSubscriptions", "HostName"),
        ("macos", "PINRequiredForDeviceLock", "IsCloudBackupEnabled"),
        ("other", "OSVersion", "SerialNumber"),
    ],
)
def test_only_what_a_platform_knows_is_asked(platform: str, asked: str, not_asked: str) -> None:
    queries = build_device_information(facts=DeviceFacts(platform=platform))["Queries"]
    assert asked in queries
    assert not_asked not in queries
    assert len(queries) == len(set(queries))


@pytest.mark.parametrize("platform", ["ios", "macos"])
def test_a_user_enrollment_is_not_asked_for_what_tells_the_device(platform: str) -> None:
    facts = DeviceFacts(platform=platform, is_user_enrollment=True)
    queries = build_device_information(facts=facts)["Queries"]
    assert "DeviceName" in queries
    assert not {"UDID", "SerialNumber", "WiFiMAC", "ProvisioningUDID"} & set(queries)


def test_an_old_system_is_not_asked_for_what_came_later() -> None:
    facts = DeviceFacts(platform="macos", os_version="10.13.6")
    queries = build_device_information(facts=facts)["Queries"]
    assert "HostName" in queries
    assert not {"IsSupervised", "IsAppleSilicon", "ModelNumber"} & set(queries)


@pytest.mark.parametrize(
    "facts",
    [
        DeviceFacts(platform="macos", os_version="10.15.7"),
        DeviceFacts(platform="macos", os_version="15.1", is_user_enrollment=True),
    ],
)
def test_a_mac_that_knows_no_management_flags_gets_none(facts: DeviceFacts) -> None:
    assert "ManagementFlags" not in build_install_application(itunes_store_id=5, facts=facts)
    with pytest.raises(CommandInvalid, match="management_flags: this Mac knows none"):
        build_install_application(itunes_store_id=5, management_flags=1, facts=facts)


def test_an_app_goes_with_the_enrollment() -> None:
    assert build_install_application(itunes_store_id=5) == {
        "RequestType": "InstallApplication",
        "iTunesStoreID": 5,
        "ManagementFlags": 1,
    }


def test_no_list_of_apps_is_sent_when_all_are_asked_for() -> None:
    assert "Identifiers" not in build_managed_application_list()
    assert build_managed_application_list(["a"])["Identifiers"] == ["a"]


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "exactly one"),
        (
            {
                "manifest": {"items": [{"assets": [{"url": "https://example.com/a"}]}]},
                "manifest_url": "https://example.com/m",
            },
            "exactly one",
        ),
        ({"manifest": {"items": []}}, "items"),
        ({"manifest": {"items": [{"assets": [{"url": "http://example.com/a.pkg"}]}]}}, "https"),
        ({"manifest": {"items": [{"assets": ["a"]}]}}, "https"),
        ({"manifest_url": "https://example.com/m", "check_revocation": True}, "no pinned"),
        (
            {
                "manifest": PACKAGE,
                "pinning_certificate": "AAAA",
            },
            "URL only",
        ),
    ],
)
def test_a_mac_gets_no_package_when_its_manifest_cannot_be_right(
    parameters: dict[str, Any], named: str
) -> None:
    with pytest.raises(CommandInvalid, match=named):
        build_command("InstallEnterpriseApplication", platform="macos", parameters=parameters)


def test_an_iphone_is_told_how_it_comes_back_when_it_is_erased() -> None:
    parameters = {
        "return_to_service": True,
        "wifi_profile": base64.b64encode(WIFI).decode(),
        "preserve_data_plan": True,
        "disallow_proximity_setup": True,
    }
    assert build_command("EraseDevice", platform="ios", parameters=parameters) == {
        "RequestType": "EraseDevice",
        "PreserveDataPlan": True,
        "DisallowProximitySetup": True,
        "ReturnToService": {"Enabled": True, "WiFiProfileData": WIFI},
    }
    with pytest.raises(CommandInvalid, match="return_to_service"):
        build_command("EraseDevice", platform="macos", parameters={"return_to_service": True})
