"""The console in Chromium: no violation of accessibility or CSP, no overflow, keyboard and live."""

import importlib.util
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from devices.models import Command, Device, Enrollment, StatusReport
from devices.selectors import get_command_body
from organization.models import Organization
from scep.models import ScepProfile
from tests.accessibility import find_violations
from tests.console.conftest import PASSWORD, World, create_device, sign_in
from tests.console.test_permissions import ROUTES, fill_in

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NO_PAGES = (
    "waiting-session-approve", "waiting-session-reject",
    "invitations-export", "invitation-mail", "invitations-mail-failed",
    "devices-export", "device-ask", "token-qr-png", "token-qr-svg", "device-push", "device-refresh",
    "device-warning", "device-retry",
    "certificates-export", "certificate-pem", "certificate-cer", "scep-profile-check",
    "audit-log-export", "log-export", "failed-items-retry",
    "held-request-approve", "held-request-reject", "push-certificate-csr", "command-cancel",
    "bulk-command-cancel",
    "token-kiosk-end", "enrollments-resume",
    "webhook-test", "webhook-pause", "webhook-resume",
)  # fmt: skip
PAGES = [name for name in ROUTES if name not in NO_PAGES]
AXE: dict[str, dict[str, Any]] = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
EXAMINED, BETWEEN = (1280, 390), (1100, 1024, 820, 744)  # pixels; tablets lying and upright
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# A card hides what does not fit into it, and with it a table's last columns.
CUT = """[...document.querySelectorAll(".card:has(table)")]
    .filter(card => card.scrollWidth > card.clientWidth).length"""
OUTLINE = """(() => {
    const it = document.activeElement, style = getComputedStyle(it);
    const width = style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
    return [`${it.tagName} ${it.textContent.trim().slice(0, 30)}`.trim(), width];
})()"""
LOUD = ("error", "warning")  # Chromium whispers hints about password managers too
BUDGET = 140 * 1024  # bytes, from a cold cache
PATIENCE = 60_000  # milliseconds: a busy machine may be as slow

browser_test = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists() or importlib.util.find_spec("playwright") is None,
        reason="Chromium or playwright is not installed",
    ),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    # Playwright runs an event loop in this thread; Django would take every query for async.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(chromium: Any, live_server: Any, world: World, people: dict[str, str]) -> Iterator[Any]:
    """A signed-in administrator's page; fails the test for anything on the console."""
    context = chromium.new_context(base_url=live_server.url, color_scheme="light")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.extend([said.text] * (said.type in LOUD)))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/accounts/login/")
    page.fill("[name=login]", people["administrator"])
    page.fill("[name=password]", PASSWORD)
    page.click("button:has-text('Sign in')")
    page.wait_for_url("**/console/")
    yield page
    context.close()
    assert complaints == []


def check_page(page: Any, *, name: str) -> None:
    """Check that a page fits all widths, and wide and narrow that everybody can use it.

    Dark, only colours can be wrong.
    """
    page.emulate_media(reduced_motion="reduce")  # no colour is looked at on its way to another
    for width in (*EXAMINED, *BETWEEN):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate(WIDER) <= 0, f"{name} overflows at {width} px"
        assert page.evaluate(CUT) == 0, f"{name} loses columns at {width} px"
        for theme in ("light", "dark") if width in EXAMINED else ():
            page.evaluate("theme => document.documentElement.dataset.bsTheme = theme", theme)
            where = f"{name} at {width} px, {theme}"
            assert find_violations(page, options=AXE[theme]) == [], where


class TestPages:
    pytestmark = browser_test

    @pytest.mark.slow
    def test_every_page_is_accessible_and_fits(self, page: Any, world: World) -> None:
        for name in PAGES:
            page.goto(fill_in(name, world))
            check_page(page, name=name)

    def test_a_device_keeps_its_pages_in_shape_when_its_words_are_long(
        self, page: Any, world: World
    ) -> None:
        device = world.device
        Device.objects.filter(pk=device.pk).update(name="W" * 255)
        enrollment = Enrollment.objects.filter(device=device).latest("id")
        StatusReport.objects.create(
            enrollment=enrollment, items={"W" * 200: "A" * 200}, reported_at=device.created_at
        )
        # A column without a width has a line for each letter.
        highest = "Math.max(...[...document.querySelectorAll('dd')].map(e => e.clientHeight))"
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 844})
            for path in ("", "/edit"):
                page.goto(f"/console/devices/{device.public_id}{path}")
                assert page.evaluate(WIDER) <= 0, (width, path)
                assert path or page.evaluate(highest) < 1000

    def test_the_sign_in_pages_are_accessible_and_fit(self, page: Any) -> None:
        for path in ("password/change/", "reauthenticate/", "2fa/", "login/"):
            if path == "login/":
                page.context.clear_cookies()
            page.goto(f"/accounts/{path}")
            check_page(page, name=path)
        Organization.objects.update(name="W" * 200)
        page.goto("/accounts/login/")
        assert page.evaluate(WIDER) <= 0


class TestCommands:
    pytestmark = browser_test

    def test_a_command_is_found_filled_in_and_sent_from_the_dialog(
        self, page: Any, world: World
    ) -> None:
        page.goto(fill_in("device", world))
        page.click("text=Commands…")
        page.locator("dialog[open] input[name=q]").press_sequentially("mirror", delay=60)
        page.wait_for_selector("#command-list a:has-text('profiles')", state="detached")
        page.click("dialog a:has-text('Mirror its screen')")
        page.fill("dialog[open] [name=destination_name]", "Meeting room")
        check_page(page, name="a command's form in the dialog")
        page.click("dialog button:has-text('Mirror its screen')")
        page.wait_for_selector("text=is on its way")
        command = Command.objects.get(request_type="RequestMirroring")
        assert get_command_body(command)["DestinationName"] == "Meeting room"

    def test_groups_have_the_same_menu(self, page: Any, world: World) -> None:
        for name in ("group-send", "group-command"):
            page.goto(fill_in(name, world))
            check_page(page, name=name)

    def test_devices_are_chosen_by_keyboard_and_asked(self, page: Any, world: World) -> None:
        page.goto("/console/devices/")
        for device in (world.device, world.mac):
            page.get_by_label(f"Select {device}").focus()
            page.keyboard.press("Space")
        for act in ("Assign group…", "Unenroll…", "Commands…"):
            page.get_by_role("button", name=act).focus()
            page.keyboard.press("Enter")
            page.wait_for_url("**/selected-devices/**")
            check_page(page, name=act)
            if act != "Commands…":
                page.go_back()
        page.click("a:has-text('Ask for its profiles')")
        check_page(page, name="a command for many")


class TestKeyboard:
    pytestmark = browser_test

    def test_a_dialog_traps_and_returns_focus(self, page: Any, world: World) -> None:
        page.goto("/console/enrollment/ota/tokens/?q=Spring")
        opener = page.get_by_label("QR code and link of Spring intake")
        opener.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog[open] .qr img")
        for _ in range(12):
            page.keyboard.press("Tab")
            # The body stands for the browser's own controls, which a dialog does not cut off; a
            # dialog that scrolls is a stop of its own.
            assert page.evaluate("document.activeElement.matches('body, dialog, dialog *')")
        page.keyboard.press("Escape")
        # Closed, and no token text stays behind.
        page.wait_for_selector("#dialog:not([open]):empty", state="attached")
        assert opener.evaluate("element => element === document.activeElement")

    def test_the_palette_opens_by_key_and_leads_to_a_device(self, page: Any, world: World) -> None:
        page.keyboard.press("Control+k")
        page.keyboard.type("nothing")
        page.keyboard.press("Escape")
        page.wait_for_selector("#palette:not([open])", state="attached")
        page.keyboard.press("Control+k")
        page.keyboard.type("SERIAL0001")
        page.wait_for_selector(f"#palette-results a:only-of-type[href$='{world.device.public_id}']")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/console/devices/{world.device.public_id}")

    @pytest.mark.parametrize("path", ["devices/", "enrollment/ota/tokens/new"])
    def test_whatever_has_the_focus_shows_it(self, page: Any, path: str) -> None:
        page.goto(f"/console/{path}")
        page.locator("main").focus()
        seen = set()
        for _ in range(25):
            page.keyboard.press("Tab")
            what, width = page.evaluate(OUTLINE)
            if what.startswith("BODY"):
                break
            assert width >= 2, what
            seen.add(what.partition(" ")[0])
        assert seen >= {"A", "INPUT", "SELECT", "BUTTON"}

    def test_enter_in_a_field_saves_where_the_form_has_other_buttons(
        self, page: Any, world: World
    ) -> None:
        page.goto("/console/enrollment/scep/new")
        page.fill("[name=name]", "Branch offices")
        page.press("[name=name]", "Enter")
        page.wait_for_selector("text=is saved")
        assert ScepProfile.objects.filter(name="Branch offices").exists()

    def test_the_menu_opens_on_a_phone(self, page: Any) -> None:
        page.set_viewport_size({"width": 390, "height": 844})
        link = page.get_by_role("link", name="Devices", exact=True).first
        assert not link.is_visible()
        button = page.get_by_role("button", name="Menu")
        button.press("Enter")
        page.wait_for_selector("#sidebar .brand:focus")
        page.keyboard.press("Escape")
        page.wait_for_selector("[data-menu][aria-expanded=false]:focus")
        button.click()
        link.click()
        page.wait_for_url("**/console/devices/")


class TestBehaviour:
    pytestmark = browser_test

    def test_the_theme_is_remembered_and_there_before_the_first_paint(self, page: Any) -> None:
        page.locator("[data-theme-switch]").click()
        page.reload(wait_until="commit")
        page.wait_for_selector("body", state="attached")
        assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"

    def test_the_list_follows_what_is_typed(self, page: Any, world: World) -> None:
        page.goto("/console/devices/")
        page.fill("[name=q]", "Ray")
        page.wait_for_selector("text=Corey’s iPhone", state="detached")
        assert page.get_by_text("Ray’s Mac").is_visible()
        assert "q=Ray" in page.url

    def test_what_cannot_be_loaded_is_said_on_the_screen(self, page: Any, live_server: Any) -> None:
        # In a window of its own, for what Chromium says on the console of a lost connection.
        state = page.context.storage_state()
        context = page.context.browser.new_context(storage_state=state)
        window = context.new_page()
        window.goto(f"{live_server.url}/console/devices/")
        context.set_offline(True)
        window.fill("[name=q]", "Ra")
        said = window.locator("#spoken.notice")
        said.get_by_text("could not be loaded").wait_for(state="visible")
        context.set_offline(False)
        window.fill("[name=q]", "Ray")
        said.wait_for(state="detached")
        context.close()

    def test_an_unlimited_token_warns(self, page: Any) -> None:
        page.goto("/console/enrollment/ota/tokens/new")
        warning = page.locator("[data-warns='max_uses=0']")
        assert not warning.is_visible()
        page.fill("[name=max_uses]", "0")
        assert warning.is_visible()

    def test_a_webhook_shows_its_secret_once_and_what_was_sent(
        self, page: Any, world: World
    ) -> None:
        page.goto("/console/system/webhooks/new")
        page.fill("[name=name]", "Help desk")
        page.fill("[name=url]", "https://help.example.com/")
        page.check("[name=events][value='log.error']")
        page.click("main button:has-text('Add webhook')")
        assert page.input_value("#secret").startswith("whsec_")
        check_page(page, name="a webhook's secret")
        page.goto(fill_in("webhook", world))  # which asks again every 3 seconds: a test waits
        page.click("text=webhook.test")
        page.wait_for_selector(f"dialog[open] pre:has-text('{world.webhook.public_id}')")

    def test_what_a_search_finds_is_said_and_what_is_polled_keeps_the_focus(
        self, page: Any, world: World
    ) -> None:
        page.goto("/console/devices/")
        page.fill("[name=q]", "no such device")
        page.wait_for_selector("#spoken:has-text('Nothing matches')", state="attached")
        page.fill("[name=q]", "Ray")
        page.wait_for_selector("#spoken:has-text('1–1 of 1')", state="attached")
        page.goto(fill_in("device", world))
        page.locator("#live[data-poll] td a").first.focus()
        page.evaluate("document.activeElement.dataset.old = ''")
        page.wait_for_selector("#live td a:focus:not([data-old])")

    def test_paper_is_white_and_holds_the_code_when_a_dark_screen_is_printed(
        self, page: Any, world: World
    ) -> None:
        page.emulate_media(color_scheme="dark")
        page.goto("/console/enrollment/ota/tokens/?q=Spring")
        page.get_by_label("QR code and link of Spring intake").click()
        page.wait_for_selector("dialog[open] .qr img")
        page.emulate_media(media="print", color_scheme="dark")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == "rgb(255, 255, 255)"
        shell = page.locator(".shell").evaluate("it => getComputedStyle(it).minHeight")
        assert shell == "0px"  # Firefox counts the margins in, and adds an empty sheet
        assert not page.locator("main, .sidebar, dialog .btn").locator("visible=true").count()
        assert page.locator(".qr img").bounding_box()["width"] > 450  # of 96 an inch: 119 mm

    def test_the_page_one_is_on_is_marked_when_colours_are_the_persons_own(self, page: Any) -> None:
        page.emulate_media(forced_colors="active")
        page.goto("/console/devices/")
        for marked in (".nav-item[aria-current]", ".tab[aria-current]", ".pill"):
            border = page.locator(marked).first.evaluate(
                "it => getComputedStyle(it).borderLeftWidth"
            )
            assert border == "1px", marked
        page.emulate_media(forced_colors="none", contrast="more")
        muted = page.locator("th").first.evaluate("it => getComputedStyle(it).color")
        assert muted == page.evaluate("getComputedStyle(document.body).color")

    def test_the_device_page_follows_what_happens(self, page: Any, world: World) -> None:
        page.goto(f"/console/devices/{world.device.public_id}")
        world.device.status = "managed"
        world.device.save()
        page.wait_for_selector("#status .pill-green")
        page.wait_for_selector("#spoken:has-text('Managed')", state="attached")


@pytest.mark.django_db
def test_pages_stay_within_their_weight(world: World, people: dict[str, str]) -> None:
    """HTML goes out uncompressed (a compressed secret leaks: BREACH), static files by brotli."""
    for number in range(60):
        create_device(f"iPad {number:02}", platform="ipados", group=world.group)
    client: Client = sign_in(people["administrator"])
    for name in PAGES:
        html = client.get(fill_in(name, world)).content
        assert len(html) + weigh_assets(html.decode()) <= BUDGET, name


def weigh_assets(html: str) -> int:
    paths = re.findall(r'(?:src|href)="/static/([^"]+)"', html)
    assert paths
    return sum(map(weigh_file, paths))


@cache
def weigh_file(path: str) -> int:
    return len(brotli.compress(Path(str(finders.find(path))).read_bytes()))


def test_no_template_holds_inline_script_or_style() -> None:
    for template in (settings.BASE_DIR / "templates").rglob("*.html"):
        if template.parent.name == "mail":
            continue  # no page: mail programs know no style but an inline one
        text = template.read_text()
        assert not re.search(r"<style|<script(?![^>]*\bsrc=)| style=| on[a-z]+=\"", text), template
