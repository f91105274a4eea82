"""Which devices can obey a command: refused with a plain reason, and only where it is known."""

from dataclasses import replace
from typing import Any

import pytest

from devices.errors import CommandNotObeyable, ParameterInvalid
from devices.protocol.commands import (
    COMMAND_TYPES,
    DeviceFacts,
    build_command,
    check_obeyable,
    get_command_type,
)

IPHONE = DeviceFacts(platform="ios", os_version="16.4")
MAC = DeviceFacts(platform="macos", os_version="14.6.1")


@pytest.mark.parametrize(
    ("name", "facts", "reason"),
    [
        ("DeclarativeManagement", replace(IPHONE, os_version="14.8"), "iOS 15.0; this iPhone has"),
        ("SetRecoveryLock", replace(MAC, os_version="11.4"), "needs macOS 11.5; this Mac has 11.4"),
        ("Restrictions", MAC, "does not exist on macOS"),
        ("UnlockUserAccount", IPHONE, "does not exist on iOS"),
        ("RestartDevice", replace(IPHONE, is_supervised=False), "only supervised"),
        ("EraseDevice", replace(IPHONE, access_rights=8191 - 8), "the right to erase"),
        ("Settings.PersonalHotspot", replace(IPHONE, access_rights=2048), "network facts"),
        ("LogOutUser", replace(IPHONE, platform="ipados", is_shared=False), "Shared iPad"),
        ("ClearPasscode", replace(IPHONE, platform="ipados", is_shared=True), "Shared iPad"),
        ("ClearPasscode", replace(IPHONE, has_unlock_token=False), "unlock token"),
        ("ClearPasscode", replace(MAC, has_unlock_token=False), "does not exist on macOS"),
        ("SetRecoveryLock", replace(MAC, is_apple_silicon=False), "Apple silicon"),
        ("SetFirmwarePassword", replace(MAC, is_apple_silicon=True), "Intel"),
        ("ActiveNSExtensions", MAC, "user's channel"),
        ("Settings.DeviceName", replace(MAC, is_user_enrollment=True), "a User Enrollment"),
        ("Settings.DataRoaming", replace(IPHONE, is_user_enrollment=True), "a User Enrollment"),
        (
            "Settings.AccessibilitySettings",
            replace(IPHONE, platform="ipados", is_shared=True),
            "a Shared iPad does not obey",
        ),
        ("SetAutoAdminPassword", replace(MAC, is_automated=False), "Automated Device Enrollment"),
    ],
)
def test_it_is_refused_when_the_device_is_known_not_to_obey(
    name: str, facts: DeviceFacts, reason: str
) -> None:
    with pytest.raises(CommandNotObeyable, match=reason):
        check_obeyable(get_command_type(name), facts)


@pytest.mark.parametrize("name", sorted(COMMAND_TYPES))
def test_it_is_not_refused_when_nothing_is_known_of_a_device_that_may_obey(name: str) -> None:
    kind = COMMAND_TYPES[name]
    for platform, needs in kind.needs.items():
        check_obeyable(kind, DeviceFacts(platform=platform, channel=needs.channel))
        check_obeyable(kind, DeviceFacts(platform="other", channel=needs.channel))


@pytest.mark.parametrize(
    ("os_version", "obeys"), [("10.3", True), ("10.3.0", True), ("11", True), ("9.9.9", False)]
)
def test_versions_are_compared_as_numbers(os_version: str, obeys: bool) -> None:
    facts = DeviceFacts(platform="ios", os_version=os_version)
    assert (COMMAND_TYPES["RestartDevice"].find_refusal(facts) == "") is obeys


@pytest.mark.parametrize(
    ("name", "platform", "os_version", "parameters", "reason"),
    [
        ("RestartDevice", "macos", "11.3", {"notify_user": True}, "needs macOS 11.4"),
        ("RestartDevice", "ios", "18.1", {"notify_user": True}, "does not exist on iOS"),
        ("ProfileList", "ipados", "12.5", {"managed_only": True}, "needs iPadOS 13.0"),
        ("ScheduleOSUpdate", "ios", "18.1", {"install_action": "Now"}, "one of Default"),
        ("ScheduleOSUpdate", "ios", "18.1", {"install_action": "InstallLater"}, "not exist on iOS"),
        ("ScheduleOSUpdate", "ipados", "", {"install_action": "NotifyOnly"}, "exist on iPadOS"),
        (
            "ScheduleOSUpdate",
            "macos",
            "10.15.7",
            {"install_action": "InstallForceRestart"},
            "InstallForceRestart needs macOS 11.0; this Mac has 10.15.7",
        ),
        ("RequestMirroring", "ios", "18.1", {"scan_time": 5}, "from 10 to 300"),
        ("InstalledApplicationList", "ios", "18.1", {"items": ["Name", "x"]}, "must be one of"),
        ("Settings.DataRoaming", "ios", "18.1", {}, "enabled: is missing"),
        ("Settings.DataRoaming", "ios", "18.1", {"enabled": "yes"}, "true or false"),
        (
            "Settings.ApplicationConfiguration",
            "ios",
            "18.1",
            {"identifier": "a", "configuration": {"nothing": None}},
            "property list can hold",
        ),
    ],
)
def test_a_parameter_is_refused_when_the_device_would_not_take_it(
    name: str, platform: str, os_version: str, parameters: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ParameterInvalid, match=reason):
        build_command(name, platform=platform, os_version=os_version, parameters=parameters)


def test_keys_lie_where_the_device_looks_for_them() -> None:
    update = {"install_action": "InstallLater", "max_user_deferrals": 2}
    assert build_command("ScheduleOSUpdate", platform="macos", parameters=update) == {
        "RequestType": "ScheduleOSUpdate",
        "Updates": [{"InstallAction": "InstallLater", "MaxUserDeferrals": 2}],
    }
    name = {"organization_name": "Example", "organization_phone": "555"}
    assert build_command("Settings.OrganizationInfo", platform="ios", parameters=name) == {
        "RequestType": "Settings",
        "Settings": [
            {
                "Item": "OrganizationInfo",
                "OrganizationInfo": {"OrganizationName": "Example", "OrganizationPhone": "555"},
            }
        ],
    }
