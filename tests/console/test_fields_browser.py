"""In Chromium: where the focus is, how a key is called, and that a field's edge is seen."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.console.conftest import World
from tests.console.test_browser import browser_test, chromium, page

__all__ = ["chromium", "page"]
pytestmark = browser_test

# WCAG 2.2, 1.4.11: what a field can be told by has a contrast of 3 to what is around it.
CONTRAST = """field => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const shine = colour => {
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const parts = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(part => part / 255);
        const [red, green, blue] = parts.map(
            part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const style = getComputedStyle(field);
    const [one, other] = [style.borderTopColor, style.backgroundColor].map(shine);
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_edge_of_a_field_is_seen(page: Any, world: World, theme: str) -> None:
    for path in ("/console/devices/", "/console/enrollment/ota/tokens/new"):
        page.goto(path)
        page.evaluate("theme => document.documentElement.dataset.bsTheme = theme", theme)
        fields = page.locator("main :is(input[type=search], input[type=text], select)")
        assert fields.count() > 1
        for field in fields.all():
            assert field.evaluate(CONTRAST) >= 3, path


def test_the_sign_in_begins_in_the_first_empty_field(page: Any, people: dict[str, str]) -> None:
    page.context.clear_cookies()
    page.goto("/accounts/login/")
    expect(page.locator("[name=login]")).to_be_focused()
    page.keyboard.type(people["administrator"])
    page.keyboard.press("Enter")
    page.fill("[name=password]", "a wrong one")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=are not correct")
    expect(page.locator("[name=password]")).to_be_focused()


def test_a_phone_shows_the_whole_sign_in_before_its_keyboard(page: Any, live_server: Any) -> None:
    context = page.context.browser.new_context(
        viewport={"width": 390, "height": 600}, has_touch=True, is_mobile=True
    )
    phone = context.new_page()
    phone.goto(f"{live_server.url}/accounts/login/")
    expect(phone.locator("[name=login]")).not_to_be_focused()
    for field in phone.locator("[name=login], [name=password]").all():  # Safari enlarges for less
        expect(field).to_have_css("font-size", "16px")
    context.close()


@pytest.mark.parametrize(
    ("platform", "key"), [("MacIntel", "⌘K"), ("Win32", "Ctrl K"), ("Linux x86_64", "Ctrl K")]
)
def test_the_search_names_the_key_of_this_keyboard(page: Any, platform: str, key: str) -> None:
    page.add_init_script(
        f"Object.defineProperty(navigator, 'platform', {{get: () => {platform!r}}})"
    )
    page.goto("/console/")
    assert page.locator(".search-button kbd:visible").all_inner_texts() == [key]
