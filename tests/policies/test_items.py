"""Administrators' work on policies and items: what is refused, kept and noted."""

import plistlib
from collections.abc import Callable
from typing import Any

import pytest

from devices.models import Group
from organization.models import AuditEntry
from organization.selectors import get_organization
from policies.errors import ItemInvalid, PolicyInvalid, ProfileInvalid
from policies.models import ItemStatus, Policy, PolicyItem
from policies.selectors import list_item_statuses
from policies.services.bootstrap import ensure_demo_policy
from policies.services.items import add_app_item, add_profile_item, remove_item, replace_profile
from policies.services.policies import create_policy, delete_policy, update_policy
from policies.signals import policy_changed
from tests.policies.conftest import ADMIN
from tests.policies.device import Handheld
from tests.policies.profiles import make_mobileconfig

Add = Callable[..., PolicyItem]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "Baseline", " Baseline "])
def test_a_policy_is_refused_when_its_name_is_empty_long_or_taken(
    policy: Policy, name: str
) -> None:
    with pytest.raises(PolicyInvalid) as refusal:
        create_policy(name, actor=ADMIN)
    assert refusal.value.field == "name"
    assert Policy.objects.filter(name__iexact=name.strip()).count() == (name.strip() == "Baseline")


def test_a_policy_keeps_its_name_when_the_new_one_is_taken(policy: Policy) -> None:
    create_policy("Other", actor=ADMIN)
    with pytest.raises(PolicyInvalid):
        update_policy(policy, name="Other", actor=ADMIN)
    assert Policy.objects.filter(name="Baseline").exists()


def test_only_the_groups_that_gain_or_lose_it_are_told_when_groups_change(
    policy: Policy, group: Group
) -> None:
    second = Group.objects.create(name="Second")
    told: list[list[int]] = []

    def listen(group_ids: list[int], **_: Any) -> None:
        told.append(group_ids)

    policy_changed.connect(listen)
    update_policy(policy, groups=[group, second], actor=ADMIN)
    update_policy(policy, groups=[second, group], actor=ADMIN)
    update_policy(policy, groups=[second], actor=ADMIN)
    policy_changed.disconnect(listen)
    assert told == [[second.pk], [group.pk]]


def test_every_write_leaves_an_audit_entry_when_it_is_done(
    policy: Policy, add_profile: Add, add_app: Add, group: Group
) -> None:
    profile, app = add_profile(), add_app()
    replace_profile(profile, data=make_mobileconfig(minLength=5), actor=ADMIN)
    remove_item(app, actor=ADMIN)
    update_policy(policy, description="new", actor=ADMIN)
    update_policy(policy, groups=[], actor=ADMIN)
    delete_policy(policy, actor=ADMIN)
    actions = AuditEntry.objects.filter(actor=ADMIN, action__startswith="policy").order_by("id")
    assert list(actions.values_list("action", flat=True)) == [
        "policy.create",
        "policy_item.create",
        "policy_item.create",
        "policy_item.replace",
        "policy_item.delete",
        "policy.update",
        "policy.assign",
        "policy.delete",
    ]


@pytest.mark.parametrize("whole", [True, False], ids=["policy", "item"])
def test_an_item_stands_on_its_devices_until_it_is_off_them_when_it_was_deleted(
    policy: Policy, device: Handheld, add_profile: Add, whole: bool
) -> None:
    """The administrator waits for none of the 100,000 rows that speak of it."""
    item = add_profile()
    device.settle()
    key = item.pk
    delete_policy(policy, actor=ADMIN) if whole else remove_item(item, actor=ADMIN)
    (status,) = ItemStatus.objects.all()
    assert (status.item_id, status.find_item()) == (key, None)
    ((of_policy,),) = [each.items for each in list_item_statuses(device.enrollment.device)]
    assert of_policy.item is None
    device.settle()
    assert device.profiles == {}
    assert not ItemStatus.objects.exists()


def test_a_profile_has_our_identity_when_it_is_added(add_profile: Add) -> None:
    item = PolicyItem.objects.get(pk=add_profile().pk)
    assert item.profile is not None
    profile = plistlib.loads(item.profile)
    organization = get_organization().public_id.replace("_", "-")
    assert item.profile_identifier.startswith(f"com.guardmdm.{organization}.itm-")
    assert profile["PayloadIdentifier"] == item.profile_identifier
    assert profile["PayloadUUID"] == item.profile_uuid
    assert item.name == "Passcode"
    assert item.payload_types == ["com.apple.mobiledevice.passwordpolicy"]


def test_the_same_file_is_two_items_when_it_is_added_twice(policy: Policy) -> None:
    data = make_mobileconfig()
    first, second = (add_profile_item(policy, data=data, actor=ADMIN) for _ in range(2))
    assert first.profile_identifier != second.profile_identifier
    assert first.profile_uuid != second.profile_uuid


def test_it_is_told_at_the_upload_when_a_platform_will_refuse_the_profile(policy: Policy) -> None:
    data = make_mobileconfig(PayloadType="com.apple.MCX.FileVault2")
    item = add_profile_item(policy, data=data, actor=ADMIN)
    assert item.warnings == [
        "com.apple.MCX.FileVault2: iPhones and iPads do not know it. Limit the profile to Macs."
    ]
    assert add_profile_item(policy, data=data, platforms=["macos"], actor=ADMIN).warnings == []


def test_its_identifier_stays_and_its_uuid_changes_when_a_profile_is_replaced(
    add_profile: Add,
) -> None:
    item = add_profile()
    identifier, payload_uuid = item.profile_identifier, item.profile_uuid
    replace_profile(item, data=make_mobileconfig(minLength=7), actor=ADMIN)
    assert item.profile_identifier == identifier
    assert item.profile_uuid != payload_uuid


def test_nothing_changes_when_a_profile_is_replaced_by_itself(policy: Policy) -> None:
    data = make_mobileconfig()
    item = add_profile_item(policy, data=data, actor=ADMIN)
    before = AuditEntry.objects.count()
    replace_profile(item, data=data, actor=ADMIN)
    assert AuditEntry.objects.count() == before


def test_the_item_stays_as_it_was_when_its_replacement_is_refused(add_profile: Add) -> None:
    item = add_profile()
    with pytest.raises(ProfileInvalid):
        replace_profile(item, data=b"nonsense", actor=ADMIN)
    with pytest.raises(ItemInvalid):
        replace_profile(PolicyItem(kind="app"), data=make_mobileconfig(), actor=ADMIN)
    assert PolicyItem.objects.get(pk=item.pk).version == item.version


def test_a_long_display_name_is_cut_when_it_becomes_the_items_name(policy: Policy) -> None:
    item = add_profile_item(policy, data=make_mobileconfig("N" * 300), actor=ADMIN)
    assert item.name == "N" * 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"itunes_store_id": None}, ""),
        ({"manifest_url": "https://example.com/app.plist"}, ""),
        ({"itunes_store_id": 0}, "itunes_store_id"),
        ({"itunes_store_id": -5}, "itunes_store_id"),
        ({"itunes_store_id": 2**63}, "itunes_store_id"),
        ({"itunes_store_id": None, "manifest_url": "http://example.com/a"}, "manifest_url"),
        ({"itunes_store_id": None, "manifest_url": "https://"}, "manifest_url"),
        ({"itunes_store_id": None, "manifest_url": "https://x/" + "y" * 500}, "manifest_url"),
        ({"bundle_id": "not a bundle"}, "bundle_id"),
        ({"name": ""}, "name"),
        ({"platforms": ["ios", "android"]}, "platforms"),
    ],
)
def test_an_app_is_refused_when_it_cannot_be_installed(
    policy: Policy, changes: dict[str, Any], field: str
) -> None:
    good: dict[str, Any] = {"name": "Pages", "itunes_store_id": 361309726}
    with pytest.raises(ItemInvalid) as refusal:
        add_app_item(policy, **(good | changes), actor=ADMIN)
    assert refusal.value.field == field
    assert not policy.items.exists()


def test_the_sample_policies_are_there_once_when_they_are_asked_for_twice(group: Group) -> None:
    Policy.objects.all().delete()
    ensure_demo_policy(group)
    ensure_demo_policy(group)
    assert group.policies.count() == 2
    assert {platform for item in PolicyItem.objects.all() for platform in item.platforms} == {
        "ios",
        "ipados",
        "macos",
    }


@pytest.mark.parametrize(
    "display_name", ["Office\tWi-Fi\nfor all", "Office \u202eWi-Fi\r for all "]
)
def test_a_display_name_becomes_one_line_when_the_file_has_more(
    policy: Policy, display_name: str
) -> None:
    item = add_profile_item(policy, data=make_mobileconfig(display_name), actor="tests")
    assert item.name == "Office Wi-Fi for all"
    named = add_app_item(policy, name=" Tools\x7f\x85 👩‍💻 ", itunes_store_id=5, actor="tests")
    assert named.name == "Tools 👩‍💻"
    assert create_policy("Head\noffice", actor="tests").name == "Head office"
