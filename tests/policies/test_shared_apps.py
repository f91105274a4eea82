"""Two items of the same app: what one of them gives up stays for the other."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from devices.models import Group
from devices.services.queue import take_next
from policies.models import ItemState, Policy, PolicyItem
from policies.services.items import add_app_item, remove_item
from policies.services.policies import update_policy
from tests.policies.conftest import ADMIN
from tests.policies.device import Answer, Handheld, Plist, enroll

Add = Callable[..., PolicyItem]
APP = "com.example.app"
STORE, HOUSE = {"itunes_store_id": 1}, {"manifest_url": "https://apps.example.com/app.plist"}
FOREIGN = {"manifest_url": "https://apps.example.com/other.plist"}


@pytest.fixture
def add(policy: Policy) -> Add:
    def add(source: Plist, **options: object) -> PolicyItem:
        return add_app_item(policy, name="App", actor=ADMIN, **source, **options)  # type: ignore[arg-type]

    return add


@pytest.fixture
def device(group: Group) -> Handheld:
    """All sources bring the same app, but for one."""
    device = Handheld(enroll(group))

    def install(body: Plist) -> Answer:
        identifier = (
            "com.example.other" if body.get("ManifestURL", "").endswith("other.plist") else APP
        )
        device.apps[identifier] = "Managed"
        return "Acknowledged", {"Identifier": identifier, "State": "Managed"}

    device.answers["InstallApplication"] = install
    return device


@pytest.mark.parametrize("named", [{"bundle_id": APP}, {}], ids=["named", "not named"])
@pytest.mark.parametrize("earlier", [STORE, HOUSE], ids=["store", "house"])
def test_the_app_stays_when_another_item_takes_the_place_of_its_own(
    device: Handheld, add: Add, earlier: Plist, named: Plist
) -> None:
    first = add(earlier, **named)
    device.settle()
    remove_item(first, actor=ADMIN)
    second = add(HOUSE, **named)
    device.settle()
    assert device.apps == {APP: "Managed"}
    assert device.states == {"App": ItemState.INSTALLED}
    assert device.get("App").identifier == second.identifier
    assert "RemoveApplication" not in device.seen


def test_the_app_stays_when_one_of_two_items_is_taken_out(device: Handheld, add: Add) -> None:
    first = add(STORE)
    add(HOUSE)
    device.settle()
    remove_item(first, actor=ADMIN)
    device.settle()
    assert device.apps == {APP: "Managed"}
    assert device.status == "managed"


def test_the_app_is_removed_once_the_next_one_has_turned_out_to_be_another(
    device: Handheld, add: Add
) -> None:
    first = add(STORE)
    device.settle()
    remove_item(first, actor=ADMIN)
    add(FOREIGN)
    device.settle()
    assert device.apps == {"com.example.other": "Managed"}
    assert device.seen.index("RemoveApplication") > device.seen.index("InstallApplication")
    assert device.states == {"App": ItemState.INSTALLED}


def test_the_app_is_removed_when_the_next_one_cannot_be_installed(
    device: Handheld, add: Add
) -> None:
    first = add(STORE)
    device.settle()
    remove_item(first, actor=ADMIN)
    add(FOREIGN)
    device.refuse("InstallApplication")
    device.settle()
    assert device.apps == {}


def test_the_app_waits_for_hours_when_the_device_is_away(device: Handheld, add: Add) -> None:
    first = add(STORE)
    device.settle()
    remove_item(first, actor=ADMIN)
    add(HOUSE)
    for _ in range(5):
        device.apply()
        device.now += timedelta(hours=2)
    device.settle()
    assert device.apps == {APP: "Managed"}
    assert device.count("RemoveApplication") == 0


def test_the_app_is_installed_after_its_removal_when_that_was_handed_out(
    device: Handheld, add: Add, group: Group, policy: Policy
) -> None:
    add(STORE)
    device.settle()
    update_policy(policy, groups=[], actor=ADMIN)
    device.apply()
    removal = take_next(device.enrollment, now=device.now, is_new_session=True)
    assert removal is not None
    update_policy(policy, groups=[group], actor=ADMIN)
    remove_item(policy.items.get(), actor=ADMIN)
    add(HOUSE, bundle_id=APP)
    device.apply()
    device.obey()
    device.answer(removal)
    device.settle()
    assert device.apps == {APP: "Managed"}
    assert device.states == {"App": ItemState.INSTALLED}


def test_the_app_is_removed_when_the_next_item_goes_before_it_was_sent(
    device: Handheld, add: Add
) -> None:
    first = add(STORE)
    device.settle()
    remove_item(first, actor=ADMIN)
    second = add(HOUSE, bundle_id=APP)
    device.apply()
    remove_item(second, actor=ADMIN)
    device.settle()
    assert device.apps == {}
    assert device.states == {}


def test_the_app_comes_back_when_an_administrator_removed_it_by_hand(
    device: Handheld, add: Add
) -> None:
    add(STORE)
    device.settle()
    del device.apps[APP]
    device.report_apps()
    device.apply()
    assert device.states == {"App": ItemState.PENDING}
    device.settle()
    assert device.apps == {APP: "Managed"}


def test_a_macs_app_stays_installed_when_the_mac_does_not_list_it(group: Group, add: Add) -> None:
    mac = Handheld(enroll(group, platform="macos"))
    add(STORE)
    mac.settle()
    mac.apps.clear()
    mac.report_apps()
    mac.apply()
    assert mac.states == {"App": ItemState.INSTALLED}
