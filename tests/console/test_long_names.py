"""Lists whose rows have long names, in Chromium."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from tests.console.conftest import World
from tests.console.test_browser import browser_test, chromium, page

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


def test_a_choice_takes_lines_when_its_name_is_one_long_word(page: Any, world: World) -> None:
    world.group.name = "W" * 100
    world.group.save()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/console/policies/{world.policy.public_id}/edit")
    form = page.locator("main form.card")
    assert form.evaluate("card => card.scrollWidth <= card.clientWidth")


def test_a_tokens_name_and_end_take_two_lines_at_most_on_a_laptop(page: Any, world: World) -> None:
    world.token.name = "Contractors, fourth quarter of the year"
    world.token.expires_at = timezone.now() + timedelta(days=13, hours=23, minutes=30)
    world.token.max_uses, world.token.use_count = 40, 39
    world.token.save()
    world.group.name = "Engineering department"
    world.group.save()
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/console/enrollment/ota/tokens/?q=Contractors")
    for part in ("a.row-link", "td:nth-child(3) span"):
        lines = page.locator("tbody").locator(part).evaluate("it => it.getClientRects().length")
        assert lines <= 2, part
