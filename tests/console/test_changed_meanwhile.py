"""Two people, or one with two tabs, change the same thing: nobody's change is lost unseen."""

import re
from typing import Any

import pytest
from django.test import Client

from devices.models import Group
from organization.models import Organization
from policies.models import Policy
from scep.models import ScepProfile
from tests.console.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]
NOTE = "It was changed meanwhile, and differs from yours in"


def find_stored(page: str) -> str:
    found = re.search(r'name="as_stored" value="([0-9a-f]+)"', page)
    assert found
    return found[1]


def read_form(client: Client, url: str) -> dict[str, Any]:
    """Return what a browser would send that changes nothing."""
    answer = client.get(url)
    values = {bound.html_name: bound.value() for bound in answer.context["form"]}
    sent = {name: value for name, value in values.items() if value not in (None, False)}
    return sent | {"as_stored": find_stored(answer.content.decode())}


def test_a_change_made_meanwhile_is_told_of_and_then_replaced(
    world: World, operator: Client, administrator: Client
) -> None:
    url = f"/console/groups/{world.group.public_id}/edit"
    mine, theirs = read_form(operator, url), read_form(administrator, url)
    assert administrator.post(url, theirs | {"description": "Theirs"}).status_code == 302
    page = operator.post(url, mine | {"name": "Mine"}).content.decode()
    assert f"{NOTE} “Name”, “Description”." in page
    assert Group.objects.get(pk=world.group.pk).description == "Theirs"
    again = mine | {"name": "Mine", "as_stored": find_stored(page)}
    assert operator.post(url, again).status_code == 302
    group = Group.objects.get(pk=world.group.pk)
    assert (group.name, group.description) == ("Mine", mine.get("description", ""))


def test_a_form_is_saved_when_nothing_was_changed_meanwhile(
    world: World, administrator: Client
) -> None:
    for url, key in (
        (f"/console/groups/{world.group.public_id}/edit", "name"),
        (f"/console/policies/{world.policy.public_id}/edit", "description"),
        (f"/console/enrollment/scep/{world.scep_profile.public_id}/edit", "name"),
        (f"/console/system/webhooks/{world.webhook.public_id}/edit", "name"),
        (f"/console/devices/{world.device.public_id}/edit", "owner"),
        ("/console/system/settings", "name"),
    ):
        for text in ("First", "Second"):
            answer = administrator.post(url, read_form(administrator, url) | {key: text})
            assert answer.status_code == 302, (url, answer.content.decode())


def test_the_same_change_twice_is_no_conflict(world: World, administrator: Client) -> None:
    url = "/console/system/settings"
    form = read_form(administrator, url) | {"name": "Example AG"}
    for _ in range(2):
        assert administrator.post(url, form).status_code == 302
    assert Organization.objects.get().name == "Example AG"


def test_groups_and_templates_of_names_are_compared_too(
    world: World, administrator: Client
) -> None:
    url = f"/console/policies/{world.policy.public_id}/edit"
    form = read_form(administrator, url)
    world.policy.groups.set(Group.objects.exclude(pk=world.group.pk)[:1])
    before = set(world.policy.groups.all())
    assert f"{NOTE} “Groups”" in administrator.post(url, form).content.decode()
    assert set(Policy.objects.get(pk=world.policy.pk).groups.all()) == before
    url = f"/console/enrollment/scep/{world.scep_profile.public_id}/edit"
    form = read_form(administrator, url)
    ScepProfile.objects.filter(pk=world.scep_profile.pk).update(validity_days=99)
    assert NOTE in administrator.post(url, form).content.decode()
    assert ScepProfile.objects.get(pk=world.scep_profile.pk).validity_days == 99
