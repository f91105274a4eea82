"""From a group's policies to a Managed device, through the real queue and real answers."""

import plistlib
from collections.abc import Callable
from datetime import timedelta

import pytest

from devices.models import Command, CommandState, Enrollment, Group
from devices.services.actions import assign_group, unenroll
from devices.services.groups import create_group
from devices.services.queue import cancel_commands, take_next
from policies.models import ItemState, Policy, PolicyItem
from policies.selectors import get_progress, list_item_statuses
from policies.services.items import add_app_item, remove_item, replace_profile
from policies.services.policies import create_policy, delete_policy, update_policy
from scep.protocol.signed_content import extract_signed_content
from tests.policies.conftest import ADMIN
from tests.policies.device import Handheld, enroll
from tests.policies.profiles import make_mobileconfig

Add = Callable[..., PolicyItem]


def test_the_device_is_managed_when_its_group_wants_nothing(device: Handheld) -> None:
    device.settle()
    assert device.status == "managed"
    assert device.seen == []


def test_the_device_is_managed_when_everything_is_installed(
    device: Handheld, add_profile: Add, add_app: Add
) -> None:
    profile, _ = add_profile(), add_app()
    device.apply()
    assert device.status == "enrolled"
    assert device.reason == "0 of 2 applied, 0 failed"
    device.settle()
    assert device.states == {"Passcode": "installed", "Pages": "installed"}
    assert device.profiles == {profile.profile_identifier: profile.profile_uuid}
    assert device.status == "managed"
    assert device.reason == ""


def test_the_profile_is_ours_and_signed_when_it_is_sent(
    device: Handheld, add_profile: Add, policy: Policy
) -> None:
    item = add_profile()
    device.apply()
    command = Command.objects.get(enrollment=device.enrollment, request_type="InstallProfile")
    assert command.body is not None
    assert command.origin == f"item:{item.public_id}"
    payload = plistlib.loads(command.body)["Payload"]
    profile = plistlib.loads(extract_signed_content(payload))
    assert profile["PayloadIdentifier"] == item.profile_identifier
    assert profile["PayloadContent"][0]["forcePIN"] is True


def test_nothing_is_queued_twice_when_it_is_applied_again(
    device: Handheld, add_profile: Add, add_app: Add
) -> None:
    add_profile(), add_app()
    assert [device.apply(), device.apply()] == [2, 0]
    device.settle()
    device.settle()
    assert [device.count("InstallProfile"), device.count("InstallApplication")] == [1, 1]


def test_only_items_of_its_platform_reach_it_when_they_are_limited(
    device: Handheld, group: Group, add_profile: Add
) -> None:
    add_profile("Macs only", platforms=["macos"])
    add_profile("Phones only", platforms=["ios"])
    mac = Handheld(enroll(group, platform="macos"))
    device.settle()
    mac.settle()
    assert list(device.states) == ["Phones only"]
    assert list(mac.states) == ["Macs only"]


def test_it_is_updated_in_place_when_its_version_changes(
    device: Handheld, add_profile: Add
) -> None:
    item = add_profile()
    device.settle()
    replace_profile(item, data=make_mobileconfig("Passcode", minLength=8), actor=ADMIN)
    assert get_progress(device.enrollment.device).pending == 1
    device.apply()
    assert device.status == "enrolled"
    device.settle()
    item.refresh_from_db()
    assert device.profiles == {item.profile_identifier: item.profile_uuid}
    assert device.count("InstallProfile") == 2
    assert device.count("RemoveProfile") == 0
    assert device.status == "managed"


def test_only_the_last_version_is_sent_when_the_device_was_away(
    device: Handheld, add_profile: Add
) -> None:
    item = add_profile()
    for length in (6, 7, 8):
        device.apply()
        replace_profile(item, data=make_mobileconfig(minLength=length), actor=ADMIN)
    device.settle()
    assert device.seen == ["InstallProfile"]
    item.refresh_from_db()
    assert device.profiles == {item.profile_identifier: item.profile_uuid}
    assert device.status == "managed"


def test_both_versions_are_sent_when_the_first_was_already_handed_out(
    device: Handheld, add_profile: Add
) -> None:
    item = add_profile()
    device.apply()
    handed_out = take_next(device.enrollment, now=device.now, is_new_session=True)
    replace_profile(item, data=make_mobileconfig(minLength=8), actor=ADMIN)
    assert device.apply() == 0
    assert handed_out is not None
    device.answer(handed_out)
    device.settle()
    item.refresh_from_db()
    assert device.profiles == {item.profile_identifier: item.profile_uuid}


def test_it_is_removed_when_its_item_is(device: Handheld, add_profile: Add, add_app: Add) -> None:
    profile, app = add_profile(), add_app()
    device.settle()
    remove_item(profile, actor=ADMIN)
    remove_item(app, actor=ADMIN)
    device.apply()
    assert set(device.states.values()) == {ItemState.REMOVING}
    device.settle()
    assert (device.profiles, device.apps, device.states) == ({}, {}, {})
    assert device.status == "managed"


def test_nothing_is_sent_when_the_item_is_removed_before_the_device_saw_it(
    device: Handheld, add_profile: Add
) -> None:
    item = add_profile()
    device.apply()
    remove_item(item, actor=ADMIN)
    device.settle()
    assert device.seen == []
    assert device.states == {}
    assert Command.objects.get(request_type="InstallProfile").state == CommandState.CANCELLED


@pytest.mark.parametrize("is_obeyed", [True, False])
def test_it_is_removed_when_it_was_put_off_after_an_answer_was_lost(
    device: Handheld, add_profile: Add, is_obeyed: bool
) -> None:
    item = add_profile()
    device.apply()
    lost = take_next(device.enrollment, now=device.now, is_new_session=True)
    assert lost is not None
    if is_obeyed:  # and it restarts before it says so
        device.obey_one(plistlib.loads(lost.body or b""))
    device.now += timedelta(minutes=5)
    device.answers["InstallProfile"] = lambda body: ("NotNow", {})
    device.obey()
    remove_item(item, actor=ADMIN)
    device.settle()
    assert device.profiles == {}
    assert device.states == {}
    assert device.status == "managed"


def test_profiles_of_others_stay_when_ours_are_removed(
    device: Handheld, add_profile: Add, policy: Policy
) -> None:
    device.profiles["com.example.personal"] = "U-1"
    add_profile()
    device.settle()
    delete_policy(policy, actor=ADMIN)
    device.settle()
    assert device.profiles == {"com.example.personal": "U-1"}


def test_the_new_groups_items_replace_the_old_ones_when_the_device_moves(
    device: Handheld, add_profile: Add
) -> None:
    add_profile()
    device.settle()
    other = create_group("Sales", actor=ADMIN)
    create_policy("Sales policy", groups=[other], actor=ADMIN)
    assign_group(device.enrollment.device, group=other, actor=ADMIN)
    device.settle()
    assert device.profiles == {}
    assert device.status == "managed"


def test_it_stays_when_it_is_wanted_again_while_it_is_being_removed(
    device: Handheld, add_profile: Add, policy: Policy, group: Group
) -> None:
    item = add_profile()
    device.settle()
    update_policy(policy, groups=[], actor=ADMIN)
    device.apply()
    assert device.states == {"Passcode": "removing"}
    update_policy(policy, groups=[group], actor=ADMIN)
    device.settle()
    assert device.profiles == {item.profile_identifier: item.profile_uuid}
    assert device.states == {"Passcode": "installed"}


def test_the_app_stays_when_another_policy_wants_it_too(
    device: Handheld, add_app: Add, group: Group, policy: Policy
) -> None:
    first = add_app()
    device.settle()
    other = create_policy("Second", groups=[group], actor=ADMIN)
    add_app_item(other, name="Pages", itunes_store_id=361309726, actor=ADMIN)
    remove_item(first, actor=ADMIN)
    device.settle()
    assert device.count("RemoveApplication") == 0
    assert device.status == "managed"


def test_it_stays_pending_when_the_device_says_not_now(device: Handheld, add_profile: Add) -> None:
    add_profile()
    device.answers["InstallProfile"] = lambda body: ("NotNow", {})
    device.apply()
    device.obey()
    assert device.apply() == 0
    assert device.states == {"Passcode": "pending"}
    assert device.status == "enrolled"
    del device.answers["InstallProfile"]
    device.obey()
    device.apply()
    assert device.status == "managed"
    assert device.count("InstallProfile") == 1


def test_it_is_queued_again_when_its_command_was_cancelled(
    device: Handheld, add_profile: Add
) -> None:
    add_profile()
    device.apply()
    cancel_commands(device.enrollment)
    assert device.apply() == 0
    device.now += timedelta(minutes=6)
    device.settle()
    assert device.status == "managed"


def test_nothing_is_queued_when_the_enrollment_is_over(device: Handheld, add_profile: Add) -> None:
    add_profile()
    device.enrollment.state = "checked_out"
    device.enrollment.save()
    assert device.apply() == 0
    assert device.states == {}


def test_nothing_is_sent_when_the_device_is_being_taken_out_of_management(
    device: Handheld, add_profile: Add
) -> None:
    """It may put its farewell off; until then it has nothing to get."""
    add_profile()
    device.apply()
    own = {"PayloadIdentifier": "mdm", "PayloadContent": [{"PayloadType": "com.apple.mdm"}]}
    Enrollment.objects.filter(pk=device.enrollment.pk).update(reported_profiles=[own])
    unenroll(device.enrollment.device, actor=ADMIN)
    device.answers["RemoveProfile"] = lambda body: ("NotNow", {})
    for _ in range(3):
        device.now += timedelta(minutes=6)
        assert device.apply() == 0
        device.obey()
    assert set(device.seen) == {"RemoveProfile"}
    assert device.status == "unenrolled"


def test_progress_is_told_by_policy_when_it_is_asked_for(
    device: Handheld, add_profile: Add, add_app: Add, policy: Policy
) -> None:
    add_profile(), add_app()
    device.refuse("InstallApplication")
    device.settle()
    progress = get_progress(device.enrollment.device)
    assert (progress.installed, progress.failed, progress.pending, progress.total) == (1, 1, 0, 2)
    (listed,) = list_item_statuses(device.enrollment.device)
    assert listed.policy == policy
    assert [(row.name, row.state, row.error) for row in listed.items] == [
        ("Passcode", "installed", ""),
        ("Pages", "failed", "Not this one."),
    ]
    remove_item(policy.items.get(name="Passcode"), actor=ADMIN)
    device.apply()
    assert [row.policy for row in list_item_statuses(device.enrollment.device)] == [policy, None]


@pytest.mark.parametrize("platform", ["ios", "ipados", "macos", "other"])
def test_every_platform_becomes_managed_when_it_obeys(
    group: Group, platform: str, add_profile: Add, add_app: Add
) -> None:
    add_profile(), add_app()
    device = Handheld(enroll(group, platform=platform))
    device.settle()
    assert device.status == "managed"
