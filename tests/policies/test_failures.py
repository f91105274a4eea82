"""What devices refuse, forget or never finish."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.dispatch import Signal

from devices.models import Group
from organization.models import AuditEntry
from policies.models import ItemStatus, PolicyItem
from policies.services.items import remove_item, replace_profile
from policies.services.retry import retry_item
from policies.signals import device_managed, item_failed, item_installed
from tests.policies.conftest import ADMIN
from tests.policies.device import Handheld, enroll
from tests.policies.profiles import make_mobileconfig

Add = Callable[..., PolicyItem]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def wait(device: Handheld, time: timedelta) -> None:
    device.now += time
    device.settle()


def test_the_devices_words_are_kept_when_it_refuses(device: Handheld, add_profile: Add) -> None:
    add_profile()
    device.refuse("InstallProfile")
    device.settle()
    status = device.get("Passcode")
    assert (status.state, status.error) == ("failed", "Not this one.")
    assert device.status == "enrolled"
    assert device.reason == "0 of 1 applied, 1 failed"


def test_it_is_failed_when_the_device_does_not_understand(
    device: Handheld, add_profile: Add
) -> None:
    add_profile()
    device.answers["InstallProfile"] = lambda body: ("CommandFormatError", {})
    device.settle()
    assert "did not understand" in device.get("Passcode").error


def test_it_is_tried_four_times_and_then_rests_when_it_keeps_failing(
    device: Handheld, add_profile: Add
) -> None:
    add_profile()
    device.refuse("InstallProfile")
    device.settle()
    counts = []
    for time in (MINUTE, 5 * MINUTE, 20 * MINUTE, 11 * MINUTE, HOUR, 3 * HOUR, DAY, 30 * DAY):
        wait(device, time)
        counts.append(device.count("InstallProfile"))
    assert counts == [1, 2, 2, 3, 3, 4, 4, 4]


def test_it_recovers_by_itself_when_the_device_changes_its_mind(
    device: Handheld, add_profile: Add
) -> None:
    add_profile()
    device.refuse("InstallProfile")
    device.settle()
    device.answers.clear()
    wait(device, 6 * MINUTE)
    assert device.status == "managed"


def test_a_new_version_is_tried_at_once_when_the_old_one_was_given_up(
    device: Handheld, add_profile: Add
) -> None:
    item = add_profile()
    device.refuse("InstallProfile")
    device.settle()
    device.answers.clear()
    replace_profile(item, data=make_mobileconfig(minLength=4), actor=ADMIN)
    device.settle()
    assert device.status == "managed"


def test_it_is_tried_at_once_when_an_administrator_asks(device: Handheld, add_profile: Add) -> None:
    add_profile()
    device.refuse("InstallProfile")
    device.settle()
    device.answers.clear()
    retry_item(device.get("Passcode"), actor=ADMIN)
    assert AuditEntry.objects.filter(actor=ADMIN, action="policy_item.retry").count() == 1
    device.settle()
    assert device.status == "managed"


def test_retrying_changes_nothing_when_its_command_is_on_its_way(
    device: Handheld, add_profile: Add
) -> None:
    add_profile()
    device.apply()
    retry_item(device.get("Passcode"), actor=ADMIN)
    assert device.apply() == 0
    assert device.count("InstallProfile") == 1


def test_it_is_forgotten_when_it_failed_and_is_no_longer_wanted(
    device: Handheld, add_profile: Add
) -> None:
    item = add_profile()
    device.refuse("InstallProfile")
    device.settle()
    remove_item(item, actor=ADMIN)
    device.settle()
    assert device.states == {}
    assert device.count("RemoveProfile") == 0


def test_it_is_gone_when_removal_fails_and_the_device_no_longer_lists_it(
    device: Handheld, add_profile: Add
) -> None:
    item = add_profile()
    device.settle()
    device.profiles.clear()
    remove_item(item, actor=ADMIN)
    device.settle()
    assert device.seen == ["InstallProfile", "RemoveProfile", "ProfileList"]
    assert device.states == {}


def test_removal_is_tried_a_few_times_when_the_device_refuses_it(
    device: Handheld, add_profile: Add
) -> None:
    item = add_profile()
    device.settle()
    device.refuse("RemoveProfile")
    remove_item(item, actor=ADMIN)
    device.settle()
    for _ in range(6):
        wait(device, DAY)
    assert device.count("RemoveProfile") == 4
    status = device.get("Passcode")
    assert (status.state, status.error) == ("removing", "Not this one.")
    device.answers.clear()
    retry_item(status, actor=ADMIN)
    device.now = max(device.now, ItemStatus.objects.get().due_at or device.now)
    device.settle()
    assert device.states == {}


def test_it_comes_back_when_the_user_removed_it(device: Handheld, add_profile: Add) -> None:
    item = add_profile()
    device.settle()
    device.now += 2 * DAY
    device.profiles.clear()
    device.report_profiles()
    device.settle()
    assert device.profiles == {item.profile_identifier: item.profile_uuid}
    assert device.status == "managed"


def test_it_comes_back_each_time_when_the_user_removes_it_now_and_then(
    device: Handheld, add_profile: Add
) -> None:
    add_profile()
    device.settle()
    for _ in range(6):
        device.now += 2 * DAY
        device.profiles.clear()
        device.report_profiles()
        device.settle()
        assert device.profiles


def test_it_is_put_right_when_the_device_lists_another_version(
    device: Handheld, add_profile: Add
) -> None:
    item = add_profile()
    device.settle()
    device.profiles[item.profile_identifier] = "SOMETHING-ELSE"
    device.report_profiles()
    device.settle()
    assert device.profiles == {item.profile_identifier: item.profile_uuid}


def test_reinstalling_ends_when_the_device_takes_it_but_never_lists_it(
    device: Handheld, add_profile: Add
) -> None:
    add_profile()
    device.answers["ProfileList"] = lambda body: ("Acknowledged", {"ProfileList": []})
    device.settle()
    for _ in range(12):
        device.now += HOUR
        device.report_profiles()
        device.settle()
    assert device.count("InstallProfile") == 4
    assert device.get("Passcode").state == "failed"
    assert device.status == "enrolled"


def test_an_old_report_proves_nothing_when_it_is_from_before_the_installation(
    device: Handheld, add_profile: Add
) -> None:
    device.report_profiles()
    add_profile()
    device.settle()
    device.settle()
    assert device.count("InstallProfile") == 1


def test_the_same_report_counts_once_when_it_is_applied_twice(
    device: Handheld, add_profile: Add
) -> None:
    add_profile()
    device.settle()
    device.report_profiles()
    device.apply()
    compared = device.get("Passcode").compared_at
    device.now += HOUR
    device.apply()
    assert device.get("Passcode").compared_at == compared
    assert device.status == "managed"


@pytest.mark.parametrize(
    ("state", "expected", "words"),
    [
        ("Managed", "installed", ""),
        ("UserInstalledApp", "installed", "not managed"),
        ("Installing", "installing", ""),
        ("PromptingForLogin", "installing", ""),
        ("Unknown", "installing", ""),
        ("SomethingNew", "installing", ""),
        ("Failed", "failed", "failed on the device"),
        ("UserRejected", "failed", "declined"),
        ("ManagementRejected", "failed", "declined"),
        ("ManagedButUninstalled", "failed", "removed"),
    ],
)
def test_the_app_is_as_the_device_lists_it_when_it_has_accepted_it(
    device: Handheld, add_app: Add, state: str, expected: str, words: str
) -> None:
    add_app()
    device.answers["ManagedApplicationList"] = lambda body: (
        "Acknowledged",
        {"ManagedApplicationList": {"app.361309726": {"Status": state}}},
    )
    device.settle()
    status = device.get("Pages")
    assert status.state == expected
    assert words in status.error
    assert device.status == ("managed" if expected == "installed" else "enrolled")


def test_the_device_is_asked_ever_more_rarely_when_an_app_takes_long(
    device: Handheld, add_app: Add
) -> None:
    add_app()
    installing = {"ManagedApplicationList": {"app.361309726": {"Status": "Installing"}}}
    device.answers["ManagedApplicationList"] = lambda body: ("Acknowledged", dict(installing))
    device.settle()
    assert device.count("ManagedApplicationList") == 1
    for _ in range(12 * 12):
        wait(device, 5 * MINUTE)
    assert 10 < device.count("ManagedApplicationList") < 20
    device.answers.clear()
    wait(device, HOUR)
    assert device.status == "managed"


def test_the_app_has_failed_when_it_is_not_there_after_a_day(
    device: Handheld, add_app: Add
) -> None:
    add_app()
    device.answers["ManagedApplicationList"] = lambda body: (
        "Acknowledged",
        {"ManagedApplicationList": {}},
    )
    device.settle()
    wait(device, DAY + MINUTE)
    assert device.get("Pages").state == "failed"


@pytest.mark.parametrize("answer", ["Error", "CommandFormatError", "Acknowledged"])
def test_the_accepted_app_counts_when_the_device_cannot_list_apps(
    device: Handheld, add_app: Add, answer: str
) -> None:
    add_app()
    device.answers["ManagedApplicationList"] = lambda body: (answer, {})
    device.settle()
    assert device.get("Pages").state == "installed"
    assert device.status == "managed"


def test_the_accepted_app_counts_when_a_mac_does_not_list_it(group: Group, add_app: Add) -> None:
    add_app()
    mac = Handheld(enroll(group, platform="macos"))
    mac.answers["ManagedApplicationList"] = lambda body: (
        "Acknowledged",
        {"ManagedApplicationList": {}},
    )
    mac.settle()
    assert mac.status == "enrolled"
    wait(mac, HOUR + MINUTE)
    assert mac.status == "managed"


def test_the_app_is_there_when_the_device_says_it_was_already(
    device: Handheld, add_app: Add
) -> None:
    add_app()
    device.answers["InstallApplication"] = lambda body: (
        "Error",
        {"RejectionReason": "AppAlreadyInstalled", "ErrorChain": []},
    )
    device.settle()
    assert device.status == "managed"


def test_the_reason_is_told_when_an_app_is_rejected(device: Handheld, add_app: Add) -> None:
    add_app()
    device.answers["InstallApplication"] = lambda body: (
        "Error",
        {"RejectionReason": "AppStoreDisabled", "ErrorChain": []},
    )
    device.settle()
    assert device.get("Pages").error == "AppStoreDisabled"


def test_the_app_comes_back_when_the_user_removed_it(device: Handheld, add_app: Add) -> None:
    add_app()
    device.settle()
    device.now += 2 * DAY
    device.apps["app.361309726"] = "ManagedButUninstalled"
    device.report_apps()
    device.settle()
    assert device.count("InstallApplication") == 2
    assert device.status == "managed"


def test_every_step_is_told_once_when_items_move(
    device: Handheld, add_profile: Add, add_app: Add
) -> None:
    add_profile(), add_app()
    device.refuse("InstallApplication")
    told: list[str] = []
    listeners: list[tuple[Signal, Callable[..., Any]]] = [
        (item_installed, lambda status, **_: told.append(f"installed {status.name}")),
        (item_failed, lambda status, message, **_: told.append(f"failed {status.name} {message}")),
        (device_managed, lambda device, **_: told.append("managed")),
    ]
    for signal, listener in listeners:
        signal.connect(listener)
    try:
        device.settle()
        device.answers.clear()
        wait(device, 6 * MINUTE)
    finally:
        for signal, listener in listeners:
            signal.disconnect(listener)
    assert told == [
        "installed Passcode",
        "failed Pages Not this one.",
        "installed Pages",
        "managed",
    ]
