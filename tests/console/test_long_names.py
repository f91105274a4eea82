"""Lists whose rows have long names, in Chromium."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import CharField, Value
from django.db.models.functions import Concat
from django.utils import timezone

from devices.models import Device, Group
from organization.services.administrators import create_administrator
from tests.console.conftest import World
from tests.console.test_browser import browser_test, check_page, chromium, page
from tests.console.test_counts import add_status

pytestmark = browser_test
__all__ = ["chromium", "page"]

LONG = "A very long name that goes on and on for well over sixty characters in one line"


def test_a_device_keeps_room_for_its_name_when_group_and_owner_are_long(
    page: Any, world: World
) -> None:
    world.group.name = world.device.owner = LONG
    world.group.save()
    world.device.save()
    for width in (1280, 1100):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("/console/devices/")
        name = page.locator(f"a.row-link[href$='{world.device.public_id}']")
        assert name.evaluate("link => link.getClientRects().length") <= 2, width


def test_a_count_is_in_one_line_when_names_are_long(page: Any, world: World) -> None:
    world.group.name = world.policy.name = LONG
    world.group.save()
    world.policy.save()
    for path in ("groups", "policies"):
        page.goto(f"/console/{path}/")
        row = page.locator("tr", has_text=LONG[:20]).first
        lines = row.locator("td").last.evaluate(
            "cell => { const range = document.createRange(); range.selectNodeContents(cell);"
            " return new Set([...range.getClientRects()].map(box => Math.round(box.top))).size; }"
        )
        assert lines == 1, path


LINES = """cell => {
    const range = document.createRange(), lines = {};
    for (const text of [...cell.childNodes].filter(each => each.nodeType === 3))
        for (let at = 0; at < text.length; at++) {
            range.setStart(text, at);
            range.setEnd(text, at + 1);
            const top = Math.round(range.getBoundingClientRect().top);
            lines[top] = (lines[top] ?? "") + text.data[at];
        }
    return Object.values(lines).map(line => line.trim()).filter(line => line);
}"""


def test_an_owners_address_is_broken_before_its_at_sign(page: Any, world: World) -> None:
    Device.objects.update(owner="anna.mueller@example.com", name=LONG)
    Group.objects.update(name=Concat(Value(LONG), "pk", output_field=CharField()))
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/console/devices/")
    cell = page.locator("tbody tr").first.locator("td").nth(4)
    assert cell.evaluate(LINES) == ["anna.mueller", "@example.com"]


def test_a_role_is_one_word_when_an_address_is_long(page: Any, world: World) -> None:
    create_administrator(f"{'x' * 50}@{'y' * 60}.example.com", role="auditor", password=None)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/console/system/administrators/")
    cell = page.locator("tbody tr:has-text('Administrator') td:nth-child(2)").first
    assert cell.evaluate(LINES) == ["Administrator"]


def test_a_serial_number_is_found_in_one_line_on_a_phone(page: Any, world: World) -> None:
    Device.objects.filter(pk=world.device.pk).update(name=LONG)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/console/search?q=very")
    note = page.locator("main .palette-results a .muted").first
    assert note.evaluate(LINES) == ["SERIAL0001"]


def test_the_number_of_devices_stays_in_its_ring(page: Any, world: World) -> None:
    page.goto("/console/")
    number = page.locator(".donut text:not(.donut-unit)").first
    number.evaluate("text => { text.textContent = '100,000'; text.classList.add('donut-many'); }")
    assert number.evaluate("text => text.getBBox().width") < 2 * (15.9 - 3)


def test_a_choice_takes_lines_when_its_name_is_one_long_word(page: Any, world: World) -> None:
    world.group.name = "W" * 100
    world.group.save()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/console/policies/{world.policy.public_id}/edit")
    form = page.locator("main form.card")
    assert form.evaluate("card => card.scrollWidth <= card.clientWidth")


def test_two_hundred_groups_leave_the_form_in_reach(page: Any, world: World) -> None:
    Group.objects.bulk_create(Group(name=f"School {number}") for number in range(200))
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        page.goto(f"/console/policies/{world.policy.public_id}/edit")
        assert page.locator("main form").bounding_box()["height"] < 1000, width
        last = page.locator("fieldset input[type=checkbox]").last
        last.focus()  # as the tabulator does
        assert last.evaluate(
            "it => document.elementFromPoint(it.getBoundingClientRect().x + 9,"
            " it.getBoundingClientRect().y + 9) === it"
        ), width
    check_page(page, name="a policy of many groups")


def test_a_tokens_name_and_end_take_two_lines_at_most_on_a_laptop(page: Any, world: World) -> None:
    world.token.name = "Contractors, fourth quarter of the year"
    world.token.expires_at = timezone.now() + timedelta(days=13, hours=23, minutes=30)
    world.token.max_uses, world.token.use_count = 40, 39
    world.token.save()
    world.group.name = "Engineering department"
    world.group.save()
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/console/enrollment/ota/tokens/?q=Contractors")
    name = page.locator("tbody a.row-link")
    assert name.evaluate("it => it.getClientRects().length") <= 2
    end = page.locator("tbody td:nth-child(3)")
    day = f"{world.token.expires_at:%b} {world.token.expires_at.year}"
    assert [line.split(" ", 1)[1] for line in end.evaluate(LINES)] == [day]
    assert end.locator("small").evaluate(LINES) == ["1\xa0week from now"]


def test_a_devices_commands_are_in_a_phones_first_screen_when_its_name_is_endless(
    page: Any, world: World
) -> None:
    Device.objects.filter(pk=world.device.pk).update(name="W" * 255)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/console/devices/{world.device.public_id}")
    assert page.locator(".page-actions .btn").last.bounding_box()["y"] < 500
    assert page.locator("dd", has_text="W" * 255).count() == 1  # all of it stands in "About"
    page.goto("/console/devices/")
    row = page.locator("tbody tr", has_text="W" * 20)
    assert row.bounding_box()["height"] < 200


def test_tabs_of_devices_are_in_one_line_on_a_laptop_when_counts_have_four_digits(
    page: Any, world: World
) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/console/devices/")
    counts = page.locator("#tabs b")
    counts.evaluate_all("counts => counts.forEach(count => { count.textContent = '8,888'; })")
    tops = page.locator("#tabs .tab").evaluate_all(
        "tabs => tabs.map(tab => tab.getBoundingClientRect().top)"
    )
    assert (len(tops), len(set(tops))) == (6, 1)


def test_a_device_of_an_endless_name_is_no_taller_than_three_lines_on_a_laptop(
    page: Any, world: World
) -> None:
    Device.objects.filter(pk=world.device.pk).update(name="W" * 255)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/console/devices/")
    assert page.locator("tbody tr", has_text="W" * 20).bounding_box()["height"] < 130


CUT = "card => card.scrollWidth - card.clientWidth"


def test_the_buttons_of_a_row_are_all_there_on_a_laptop_when_names_are_long(
    page: Any, world: World
) -> None:
    world.token.name = world.group.name = LONG
    world.token.max_uses, world.token.use_count = 40, 39
    world.token.save()
    world.group.save()
    page.set_viewport_size({"width": 1280, "height": 900})
    for path in ("enrollment/ota/tokens", "system/certificates/requests"):
        page.goto(f"/console/{path}/")
        assert page.locator("main .card").evaluate(CUT) <= 0, path
    page.goto("/console/system/certificates/requests/")
    name = page.locator("tbody strong").first
    assert name.evaluate("it => it.getClientRects().length") <= 2


def test_no_word_of_a_tokens_row_is_broken_on_a_laptop(page: Any, world: World) -> None:
    world.token.name = world.group.name = LONG
    world.token.save()
    world.group.save()
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/console/enrollment/ota/tokens/")
    row = page.locator("tbody tr", has_text=LONG)
    page.locator("tbody td:nth-child(5)").evaluate_all(
        "cells => cells.forEach(cell => { cell.textContent = 'Default'; })"
    )
    assert row.locator("td:nth-child(5)").evaluate(LINES) == ["Default"]


def test_rows_end_where_their_table_does_when_they_are_printed(page: Any, world: World) -> None:
    page.set_viewport_size({"width": 1000, "height": 900})
    page.emulate_media(media="print")
    page.goto("/console/enrollment/ota/tokens/")
    table = page.locator("main table").bounding_box()
    last = page.locator("tbody tr:first-child td:visible").last.bounding_box()
    assert last["x"] + last["width"] == pytest.approx(table["x"] + table["width"], abs=1)
    page.emulate_media(media="screen")


def test_a_phone_gives_a_devices_words_about_a_failed_item_the_whole_line(
    page: Any, world: World
) -> None:
    status = add_status(world.enrollment, world.profile_item, state="failed")
    status.error = LONG
    status.save()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/console/devices/{world.device.public_id}")
    words = page.locator(".policy-items small.text-red").bounding_box()
    assert words["width"] > 0.8 * page.locator(".policy-items").first.bounding_box()["width"]


def test_the_buttons_of_a_row_are_in_one_piece_in_a_narrow_window(page: Any, world: World) -> None:
    world.token.name = world.group.name = LONG
    world.token.save()
    world.group.save()
    for width in (1160, 1100):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("/console/system/certificates/requests/")
        for name in ("Approve", "Reject"):
            button = page.locator(f"tbody .btn:has-text('{name}')").first
            assert button.bounding_box()["height"] < 50, (width, name)
        assert page.locator("main .card").evaluate(CUT) <= 0, width


def test_a_serial_number_is_whole_beside_the_menu_of_a_narrow_window(
    page: Any, world: World
) -> None:
    page.set_viewport_size({"width": 1024, "height": 900})
    page.goto(f"/console/devices/{world.device.public_id}")
    serial = page.locator("dd", has_text="SERIAL0001").first
    assert serial.evaluate(LINES) == ["SERIAL0001"]
