"""Lost tasks are made good: what the sweep finds, and that it leaves the others alone."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from devices.models import Command, Device, DeviceStatus, Group
from devices.services.actions import assign_group
from devices.services.groups import create_group
from devices.services.queue import cancel_commands
from organization.models import Round
from policies.models import ItemStatus, Policy, PolicyItem
from policies.services.items import remove_item, replace_profile
from policies.services.policies import delete_policy, update_policy
from policies.services.sweep import find_some_stale
from tests.policies.conftest import ADMIN
from tests.policies.device import Handheld, enroll
from tests.policies.profiles import make_mobileconfig

Add = Callable[..., PolicyItem]


def is_found(device: Handheld) -> bool:
    return device.enrollment.pk in find_some_stale(now=device.now)


def sweep(device: Handheld, *, rounds: int = 10) -> None:
    """Only the sweep drives the server: every other task is lost."""
    for _ in range(rounds):
        if is_found(device):
            device.apply()
        elif not device.obey():
            return
    raise AssertionError("the sweep never rests")


def test_a_whole_life_goes_well_when_every_task_is_lost(
    device: Handheld, add_profile: Add, add_app: Add
) -> None:
    profile, app = add_profile(), add_app()
    sweep(device)
    assert device.status == "managed"
    replace_profile(profile, data=make_mobileconfig(minLength=8), actor=ADMIN)
    sweep(device)
    profile.refresh_from_db()
    assert device.profiles == {profile.profile_identifier: profile.profile_uuid}
    remove_item(app, actor=ADMIN)
    sweep(device)
    assert device.apps == {}
    device.profiles.clear()
    device.now += timedelta(days=2)
    device.report_profiles()
    sweep(device)
    assert len(device.profiles) == 1
    assert device.status == "managed"


def test_it_is_left_alone_when_everything_is_as_it_should_be(
    device: Handheld, add_profile: Add, add_app: Add
) -> None:
    add_profile(), add_app()
    device.settle()
    device.report_profiles()
    device.report_apps()
    device.apply()
    assert not is_found(device)


def test_it_is_left_alone_when_its_commands_wait_for_the_device(
    device: Handheld, add_profile: Add
) -> None:
    add_profile()
    device.apply()
    device.now += timedelta(days=1)
    assert not is_found(device)


def test_it_is_left_alone_when_an_item_was_given_up(device: Handheld, add_profile: Add) -> None:
    add_profile()
    device.refuse("InstallProfile")
    for _ in range(6):
        device.now += timedelta(days=1)
        device.settle()
    assert not is_found(device)


def test_it_is_found_when_its_group_wants_nothing_and_it_is_not_managed(device: Handheld) -> None:
    assert is_found(device)
    device.apply()
    assert not is_found(device)


def test_it_is_found_when_it_has_no_group_and_is_not_managed(db: None) -> None:
    device = Handheld(enroll(None))
    assert is_found(device)
    device.apply()
    assert (device.status, is_found(device)) == ("managed", False)


def test_it_is_found_when_its_enrollment_has_no_statuses_but_its_device_is_managed(
    device: Handheld, add_profile: Add
) -> None:
    """As after a second enrollment of a device that was Managed."""
    add_profile()
    Device.objects.update(status=DeviceStatus.MANAGED)
    assert is_found(device)


def test_it_is_found_when_the_policy_left_its_group(
    device: Handheld, add_profile: Add, policy: Policy
) -> None:
    add_profile()
    device.settle()
    update_policy(policy, groups=[], actor=ADMIN)
    assert is_found(device)


def test_it_is_found_when_its_policy_was_deleted(
    device: Handheld, add_profile: Add, policy: Policy
) -> None:
    add_profile()
    device.settle()
    delete_policy(policy, actor=ADMIN)
    assert is_found(device)


def test_it_is_found_when_it_moved_to_another_group(device: Handheld, add_profile: Add) -> None:
    add_profile()
    device.settle()
    other = create_group("Elsewhere", actor=ADMIN)
    assign_group(device.enrollment.device, group=other, actor=ADMIN)
    assert is_found(device)


def test_it_is_found_when_its_command_was_cancelled(device: Handheld, add_profile: Add) -> None:
    add_profile()
    device.apply()
    cancel_commands(device.enrollment)
    assert is_found(device)


def test_it_is_found_when_a_retry_is_due(device: Handheld, add_profile: Add) -> None:
    add_profile()
    device.refuse("InstallProfile")
    device.settle()
    assert not is_found(device)
    device.now += timedelta(minutes=6)
    assert is_found(device)


def test_it_is_found_when_its_command_is_gone_from_the_database(
    device: Handheld, add_profile: Add
) -> None:
    add_profile()
    device.apply()
    device.enrollment.commands.all().delete()
    assert is_found(device)


def test_it_is_left_alone_when_its_enrollment_is_over(device: Handheld, add_profile: Add) -> None:
    add_profile()
    device.apply()
    device.enrollment.commands.all().delete()
    device.enrollment.state = "superseded"
    device.enrollment.save()
    assert not is_found(device)


def test_the_number_of_queries_stays_when_there_are_more_devices(
    group: Group, add_profile: Add, django_assert_max_num_queries: Callable[..., object]
) -> None:
    add_profile()
    for _ in range(20):
        Handheld(enroll(group)).settle()
    with django_assert_max_num_queries(15):  # type: ignore[attr-defined]
        find_some_stale(now=Handheld(enroll(group)).now)
    assert ItemStatus.objects.count() == 20


@pytest.mark.parametrize("platform", ["ios", "macos"])
def test_it_is_found_by_its_platform_when_items_are_limited(
    group: Group, add_profile: Add, platform: str
) -> None:
    add_profile(platforms=["macos"])
    device = Handheld(enroll(group, platform=platform))
    device.apply()
    ItemStatus.objects.all().delete()
    assert is_found(device) == (platform == "macos")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with many more devices than a run looks at."""
    for name, number in {"PORTION": 2, "NEWEST": 0, "DUE": 0, "ANSWERED": 0}.items():
        monkeypatch.setattr(f"policies.services.sweep.{name}", number)


def enroll_settled(group: Group, *, count: int) -> list[Handheld]:
    devices = [Handheld(enroll(group)) for _ in range(count)]
    for device in devices:
        device.settle()
    return devices


def test_each_device_is_found_in_its_turn_when_there_are_many(
    group: Group, add_profile: Add, few: None
) -> None:
    add_profile()
    devices = enroll_settled(group, count=5)
    ItemStatus.objects.all().delete()
    keys = [device.enrollment.pk for device in devices]
    runs = [sorted(find_some_stale(now=devices[0].now)) for _ in range(4)]
    assert runs == [keys[:2], keys[2:4], keys[4:], keys[:2]]


def lose_newest(device: Handheld) -> None:
    ItemStatus.objects.filter(enrollment=device.enrollment).delete()


def be_due(device: Handheld) -> None:
    ItemStatus.objects.filter(enrollment=device.enrollment).update(due_at=device.now)


def be_answered(device: Handheld) -> None:
    ItemStatus.objects.filter(enrollment=device.enrollment).delete()
    device.apply()
    assert device.obey()


@pytest.mark.parametrize(
    ("what", "become"), [("NEWEST", lose_newest), ("DUE", be_due), ("ANSWERED", be_answered)]
)
def test_it_is_found_in_any_run_when_there_are_many_but_it_is_urgent(
    group: Group,
    add_profile: Add,
    few: None,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    become: Callable[[Handheld], None],
) -> None:
    add_profile()
    last = enroll_settled(group, count=5)[-1]
    Command.objects.update(completed_at=last.now - timedelta(hours=1))
    become(last)
    assert find_some_stale(now=last.now) == set()
    Round.objects.all().delete()
    monkeypatch.setattr(f"policies.services.sweep.{what}", 1)
    assert find_some_stale(now=last.now) == {last.enrollment.pk}
