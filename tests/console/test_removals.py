"""Who takes items out of a policy is told what devices lose by it."""

import pytest
from django.test import Client

from policies.models import Package, PackageKind
from policies.services.items import add_app_item, remove_item
from tests.console.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]
LOST = "is removed from them, unless another policy brings it."
PERSONS_OWN = "also one that a person had installed before the policy took it over"
STAYS = "Macs keep what packages have installed."


def read(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_it_is_said_that_a_persons_own_app_goes_when_an_app_is_taken_out(
    world: World, operator: Client
) -> None:
    items = f"/console/policies/{world.policy.public_id}/items"
    app = read(operator, f"{items}/{world.app_item.public_id}/remove")
    profile = read(operator, f"{items}/{world.profile_item.public_id}/remove")
    assert LOST in app
    assert PERSONS_OWN in app
    assert LOST in profile
    assert PERSONS_OWN not in profile


def test_it_is_said_what_devices_lose_when_a_policy_is_deleted(
    world: World, operator: Client
) -> None:
    path = f"/console/policies/{world.policy.public_id}"
    page = read(operator, f"{path}/delete")
    assert LOST in page
    assert PERSONS_OWN in page
    assert "This cannot be undone." in page
    for item in world.policy.items.all():
        remove_item(item, actor="test")
    assert LOST not in read(operator, f"{path}/delete")
    assert LOST not in read(operator, f"/console/groups/{world.group.public_id}/delete")


def test_it_is_said_that_macs_keep_it_when_a_package_is_taken_out(
    world: World, operator: Client
) -> None:
    Package.objects.filter(pk=world.package.pk).update(kind=PackageKind.PKG)
    world.package.refresh_from_db()
    item = add_app_item(world.policy, package=world.package, actor="test")
    path = f"/console/policies/{world.policy.public_id}/items/{item.public_id}/remove"
    page = read(operator, path)
    assert STAYS in page
    assert LOST not in page


def test_platforms_of_items_are_written_as_apple_does(world: World, auditor: Client) -> None:
    world.app_item.platforms = ["ios", "macos"]
    world.app_item.save()
    assert ">iOS, macOS<" in read(auditor, f"/console/policies/{world.policy.public_id}")
