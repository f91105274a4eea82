"""Headings of lists in Chromium: by keyboard, on a phone, and without scripts."""

from typing import Any

from playwright.sync_api import expect

from devices.models import Device
from tests.console.conftest import World
from tests.console.test_browser import browser_test, check_page, chromium, page

__all__ = ["chromium", "page"]
pytestmark = browser_test
SEEN = ".sort:has-text('Last seen')"
FIRST = "tbody .row-link >> nth=0"


def test_a_heading_orders_the_list_by_keyboard_and_keeps_the_focus(page: Any, world: World) -> None:
    Device.objects.filter(pk=world.mac.pk).update(last_seen_at=None)
    page.goto("/console/devices/")
    page.locator(SEEN).focus()
    page.keyboard.press("Enter")
    heading = page.locator(f"th:has({SEEN})")
    expect(heading).to_have_attribute("aria-sort", "descending")
    expect(page.locator(FIRST)).to_have_text("Corey’s iPhone")
    expect(page.locator(SEEN)).to_be_focused()
    expect(page.locator("#spoken")).to_have_text("Last seen, newest first")
    page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect(page.locator(FIRST)).to_have_text("Ray’s Mac")
    assert page.url.endswith("?ordering=last_seen_at")
    check_page(page, name="devices in an order")
    page.fill("[name=q]", "i")  # the search does not bring them back into the list's own order
    page.wait_for_url("**ordering=last_seen_at&q=i**")
    expect(page.locator(FIRST)).to_have_text("Ray’s Mac")
    page.reload()
    expect(heading).to_have_attribute("aria-sort", "ascending")


def test_a_heading_opens_a_tab_when_it_is_clicked_with_control(page: Any, world: World) -> None:
    page.goto("/console/devices/")
    with page.context.expect_page() as opened:
        page.locator(SEEN).click(modifiers=["ControlOrMeta"])
    tab = opened.value
    assert tab.url.endswith("?ordering=-last_seen_at")
    tab.close()
    assert page.url.endswith("/console/devices/"), "the list stays as it was"


def test_a_phone_shows_what_the_cards_can_be_ordered_by(page: Any, world: World) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/console/devices/")
    for label in ("Device", "Serial", "Status", "Platform", "OS", "Owner", "Last seen"):
        box = page.locator(f".sort:text-is('{label}')").bounding_box()
        assert box["height"] >= 24, label
        assert 0 <= box["x"] < box["x"] + box["width"] <= 390, label
    page.locator(".sort:text-is('Serial')").click()
    expect(page.locator("th[aria-sort=ascending] .sort:has(svg)")).to_contain_text("Serial")


def test_headings_work_without_scripts(page: Any, world: World, live_server: Any) -> None:
    state = page.context.storage_state()
    context = page.context.browser.new_context(storage_state=state, java_script_enabled=False)
    window = context.new_page()
    window.goto(f"{live_server.url}/console/devices/?platform=macos")
    window.click(".sort:has-text('Device')")
    expect(window.locator("th[aria-sort=ascending]")).to_contain_text("Device")
    assert "platform=macos&ordering=name" in window.url
    window.fill("[name=q]", "Ray")
    window.click("button:has-text('Filter')")
    assert "ordering=name" in window.url
    context.close()
