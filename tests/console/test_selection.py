"""Many devices at once, chosen in the list."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from devices.models import BulkCommand, Command, Device, Enrollment
from devices.services.bulk_commands import queue_portion
from devices.services.groups import create_group
from tests.console.conftest import World
from tests.console.test_tokens import age_sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]


def url(act: str, *devices: Device, **query: Any) -> str:
    chosen = [f"device={device.public_id}" for device in devices]
    chosen += [f"{name}={value}" for name, value in query.items()]
    return f"/console/selected-devices/{act}?{'&'.join(chosen)}"


def run_all() -> BulkCommand:
    bulk = BulkCommand.objects.get()
    while queue_portion(bulk.pk, now=timezone.now()):
        pass
    bulk.refresh_from_db()
    return bulk


def test_the_list_has_a_box_for_each_device_and_one_for_all_that_match(
    world: World, operator: Client, auditor: Client
) -> None:
    page = operator.get("/console/devices/?platform=ios").content.decode()
    assert f'name="device" value="{world.device.public_id}" form="selection"' in page
    assert '<input type="hidden" name="platform" value="ios">' in page
    assert "The 1 device that matches" in page
    assert "Unenroll…" not in page
    assert 'form="selection"' not in auditor.get("/console/devices/").content.decode()


def test_chosen_devices_are_asked(world: World, operator: Client) -> None:
    menu = operator.get(url("commands", world.device, world.mac)).content.decode()
    assert "Commands for 2 devices" in menu
    assert "EraseDevice" not in menu
    target = url("commands/CertificateList", world.device, world.mac)
    assert target.replace("&", "&amp;") in menu
    answer = operator.post(target, {"managed_only": "on"}, follow=True)
    assert "2 devices are worked on" in answer.content.decode()
    assert run_all().queued == 2
    assert Command.objects.filter(request_type="CertificateList").count() == 2


def test_all_that_match_are_those_of_the_filter(world: World, operator: Client) -> None:
    operator.post(url("commands/ProfileList", all=1, platform="macos"), {})
    assert BulkCommand.objects.get().waiting == [world.mac.pk]


def test_chosen_devices_move_to_a_group(world: World, operator: Client) -> None:
    group = create_group("Elsewhere", actor="tests")
    target = url("group", world.device, world.mac)
    assert operator.get(target).status_code == 200
    operator.post(target, {"group": group.public_id})
    assert run_all().queued == 2
    assert Device.objects.filter(group=group).count() == 2


def test_devices_are_unenrolled_when_their_number_is_typed(
    world: World, administrator: Client
) -> None:
    Enrollment.objects.filter(device=world.mac).update(state="checked_out")
    target = url("unenroll", world.device, world.mac)
    for wrong in ("", "1", "two"):
        administrator.post(target, {"confirmation": wrong})
    assert not BulkCommand.objects.exists()
    administrator.post(target, {"confirmation": "2"})
    bulk = run_all()
    assert (bulk.queued, bulk.refusals) == (1, {"not enrolled": 1})
    world.device.refresh_from_db()
    assert world.device.status == "unenrolled"


def test_a_recent_sign_in_is_asked_for_before_devices_are_unenrolled(
    world: World, administrator: Client
) -> None:
    age_sign_in(administrator)
    answer = administrator.post(url("unenroll", world.device), {"confirmation": "1"})
    assert answer.status_code == 302
    assert not BulkCommand.objects.exists()


@pytest.mark.parametrize("name", ["EraseDevice", "ClearPasscode"])
def test_what_cannot_be_undone_is_not_done_to_many(
    world: World, administrator: Client, name: str
) -> None:
    assert administrator.post(url(f"commands/{name}", world.device)).status_code == 403


def test_nothing_chosen_goes_back_to_the_list(world: World, operator: Client) -> None:
    for act in ("commands", "commands/ProfileList", "group"):
        answer = operator.post(url(act), {}, follow=True)
        assert "Choose at least one device." in answer.content.decode()
    assert not BulkCommand.objects.exists()


def test_the_commands_for_many_are_searched_and_lead_back_to_the_list_as_it_was(
    world: World, operator: Client
) -> None:
    target = url("commands", all=1, platform="ios", q="SERIAL", command="lost")
    menu = operator.get(target).text
    assert "Commands for 1 device" in menu
    assert "EnableLostMode" in menu
    assert "CertificateList" not in menu
    assert '<input type="hidden" name="q" value="SERIAL">' in menu
    assert "command=lost" not in menu
    back = 'href="/console/devices/?platform=ios&amp;q=SERIAL"'
    assert back in menu
    part = operator.get(target, headers={"HX-Request": "true", "HX-Target": "command-list"}).text
    assert "EnableLostMode" in part
    assert "<h1" not in part
    form = operator.get(url("commands/ProfileList", all=1, platform="ios", q="SERIAL")).text
    assert form.count(back) == 2


def test_the_navigation_says_where_people_are_when_they_are_at_many_devices(
    world: World, operator: Client
) -> None:
    here = '<a class="nav-item" href="/console/devices/" aria-current="page">'
    for page in (url("commands", world.device), url("group", world.device)):
        assert here in operator.get(page).text
    assert here in operator.get("/console/bulk-commands/").text
