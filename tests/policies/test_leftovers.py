"""A device that enrolls again without having lost what the enrollment before had brought."""

from collections.abc import Callable

from devices.models import Enrollment, EnrollmentState, Group
from devices.services.groups import create_group
from policies.models import ItemStatus, Policy, PolicyItem
from policies.services.policies import create_policy
from policies.services.sweep import find_some_stale
from tests.policies.conftest import ADMIN
from tests.policies.device import Handheld, enroll

Add = Callable[..., PolicyItem]


def enroll_again(device: Handheld, *, group: Group | None) -> Handheld:
    """The same device, with what is on it, in a new enrollment."""
    old = device.enrollment
    Enrollment.objects.filter(pk=old.pk).update(state=EnrollmentState.SUPERSEDED)
    made = enroll(group)
    Enrollment.objects.filter(pk=made.pk).update(device=old.device_id)
    made.device.delete()
    made.refresh_from_db()
    type(old.device).objects.filter(pk=old.device_id).update(group=group)
    return Handheld(made, now=device.now, profiles=device.profiles, apps=device.apps)


def test_what_the_new_group_does_not_want_is_removed(
    device: Handheld, add_profile: Add, add_app: Add
) -> None:
    add_profile(), add_app()
    device.settle()
    again = enroll_again(device, group=create_group("Sales", actor=ADMIN))
    again.settle()
    again.report_profiles()
    again.settle()
    assert (again.profiles, again.apps) == ({}, {})
    assert again.states == {}
    assert again.status == "managed"


def test_what_is_left_is_removed_when_the_task_of_the_first_list_was_lost(
    device: Handheld, add_profile: Add
) -> None:
    add_profile()
    device.settle()
    again = enroll_again(device, group=create_group("Sales", actor=ADMIN))
    again.settle()
    assert again.enrollment.pk not in find_some_stale(now=again.now)
    again.report_profiles()
    assert again.enrollment.pk in find_some_stale(now=again.now)
    again.settle()
    assert again.profiles == {}
    assert again.enrollment.pk not in find_some_stale(now=again.now)


def test_what_the_new_group_wants_too_stays_without_a_removal(
    device: Handheld, add_profile: Add, group: Group
) -> None:
    profile = add_profile()
    device.settle()
    again = enroll_again(device, group=group)
    again.report_profiles()
    again.settle()
    assert again.profiles == {profile.profile_identifier: profile.profile_uuid}
    assert again.states == {"Passcode": "installed"}
    assert again.count("RemoveProfile") == 0


def test_an_app_of_the_new_group_is_installed_and_the_old_one_removed(
    device: Handheld, add_app: Add, policy: Policy
) -> None:
    from policies.services.items import add_app_item

    add_app()
    device.settle()
    sales = create_group("Sales", actor=ADMIN)
    other = create_policy("Sales", groups=[sales], actor=ADMIN)
    wanted = add_app_item(other, name="Keynote", itunes_store_id=361285480, actor=ADMIN)
    again = enroll_again(device, group=sales)
    again.settle()
    assert again.states == {"Keynote": "installed"}
    assert list(again.apps) == [again.get("Keynote").bundle_id]
    assert wanted.name == "Keynote"


def test_nothing_is_removed_that_a_person_has_installed(device: Handheld, add_profile: Add) -> None:
    profile = add_profile()
    device.settle()
    again = enroll_again(device, group=create_group("Sales", actor=ADMIN))
    own = {"PayloadIdentifier": profile.profile_identifier, "IsManaged": False}
    again.answers["ProfileList"] = lambda body: ("Acknowledged", {"ProfileList": [own]})
    again.report_profiles()
    again.settle()
    assert again.count("RemoveProfile") == 0


def test_an_erased_device_begins_with_nothing(device: Handheld, add_profile: Add) -> None:
    add_profile()
    device.settle()
    device.profiles.clear()
    again = enroll_again(device, group=create_group("Sales", actor=ADMIN))
    again.report_profiles()
    again.settle()
    assert again.seen == ["ProfileList"]
    assert ItemStatus.objects.filter(enrollment=again.enrollment).count() == 0
    assert ItemStatus.objects.filter(enrollment=device.enrollment).count() == 1
