"""The enrollment page in Chromium, as each visitor: nothing from others, no complaint, no overflow.

Answers of a live server are not compressed, so what is weighed here is more than what goes out.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.utils import timezone
from PIL import Image

from enrollment.models import EnrollmentSession, EnrollmentToken, SessionState
from enrollment.services.approvals import approve_session
from enrollment.services.sessions import advance_session
from enrollment.services.token_texts import build_token_text
from enrollment.services.tokens import revoke_token
from organization.models import Organization
from organization.services.branding import set_logo, update_organization
from tests.accessibility import find_violations
from tests.console.test_browser import ARGUMENTS, CHROMIUM, LOUD, PATIENCE, browser_test
from tests.enrollment.conftest import IPHONE, MAC, MakeToken
from tests.enrollment.protocol.test_platform import IOS, IPAD
from tests.organization.protocol.test_logo import encode
from tests.scep.external.tls_server import Asked, Reply, TlsAuthority, WebServer, serve

pytestmark = browser_test
BUDGET = 50_000  # bytes, from a cold cache
LANGUAGES = ("en", "de", "fr", "es", "ja")
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"
ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/130.0 Mobile Safari"
PHONE, TABLET, DESK = (390, 844), (820, 1180), (1280, 800)
# Who comes, how large the window is, how many fingers it feels, and what only their page has.
VISITORS = {
    "iPhone": (IPHONE, PHONE, 5, "form[data-open-session]"),
    "iPad": (f"{IPAD} Version/17.5 Mobile/15E148 Safari/604.1", TABLET, 5, "[data-open-session]"),
    "iPad as Mac": (MAC, TABLET, 5, "[data-device=ipad] [data-open-session]"),
    "iPhone as Mac": (MAC, PHONE, 5, "[data-device=iphone] [data-open-session]"),
    "Mac": (MAC, DESK, 0, "[data-device=mac] [data-open-session]"),
    "Windows": (WINDOWS, DESK, 0, "section .qr img"),
    "Android": (ANDROID, PHONE, 5, "section .qr img"),
    "in an app": (f"{IOS} Mobile/15E148 Instagram 350", PHONE, 5, "a[href^='x-safari-http']"),
    "Chrome on iPhone": (
        f"{IOS} CriOS/130.0.6723.90 Mobile/15E148 Safari/604.1",
        PHONE,
        5,
        "a[href^='x-safari-http'] ~ form[action='/enroll/sessions']",
    ),
}
OWN_PAGES = ("iPhone", "Mac", "Windows", "Chrome on iPhone")  # the others' are made of the same
UNFOLD = "document.querySelectorAll('details').forEach(details => details.open = true)"
CONTRAST = {"runOnly": ["color-contrast"]}  # all that another colour scheme changes
FINGERS = "Object.defineProperty(navigator, 'maxTouchPoints', { get: () => %d })"
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread; Django would take every query for async.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def token(make_token: MakeToken) -> EnrollmentToken:
    return make_token()


@pytest.fixture
def path(token: EnrollmentToken) -> str:
    return f"/enroll?token={build_token_text(token)}"


@pytest.fixture
def branded(bootstrapped: None) -> Organization:
    """A colour that is too light for texts, the heaviest logo, and every kind of contact."""
    organization = Organization.objects.get()
    noise = Image.effect_noise((900, 300), 90).convert("RGB")
    set_logo(organization, content=encode(noise), actor="tests")
    return update_organization(
        organization,
        accent_colour="#ffd400",
        support_contact="IT desk, +41 44 123 45 67, it@example.com, https://help.example.com",
        actor="tests",
    )


@contextlib.contextmanager
def visit(
    browser: Any, url: str, *, who: str = "iPhone", status: int = 200, **options: Any
) -> Iterator[Any]:
    """A visitor's page; what it loads must be the server's own, and say nothing on the console."""
    agent, (width, height), fingers, _ = VISITORS[who]
    context = browser.new_context(
        base_url=url,
        user_agent=agent,
        viewport={"width": width, "height": height},
        has_touch=fingers > 0,
        **options,
    )
    context.set_default_timeout(PATIENCE)
    context.add_init_script(FINGERS % fingers)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.extend([said.text] * (said.type in LOUD)))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.extend(_name_stranger(asked.url, url)))
    yield page
    context.close()
    told = [] if status == 200 else [f"the server responded with a status of {status}"]
    assert [said for said in complaints if not any(words in said for words in told)] == [], who


def _name_stranger(asked: str, url: str) -> list[str]:
    return [] if asked.startswith((f"{url}/", "data:")) else [f"from others: {asked}"]


def check_page(page: Any, where: str, *, schemes: tuple[str, ...] = ("light", "dark")) -> None:
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        options = CONTRAST if scheme == "dark" else {}
        assert find_violations(page, options=options) == [], f"{where}, {scheme}"


@pytest.mark.slow
def test_each_visitor_gets_their_page_when_the_link_is_opened(
    browser: Any, live_server: Any, path: str, branded: Organization
) -> None:
    for who, (_, _, _, selector) in VISITORS.items():
        with visit(browser, live_server.url, who=who, locale="en") as page:
            answers: list[Any] = []
            page.on("response", lambda got, answers=answers: answers.append(got))
            page.goto(path)
            page.wait_for_selector(selector, state="attached")
            page.wait_for_load_state()
            if not who.endswith("as Mac"):  # whose page is loaded twice
                weights = [len(got.body()) for got in answers]
                assert sum(weights) <= BUDGET, (who, weights)
                assert len(weights) >= 5, "page, style, colours, logo, script"
            page.evaluate(UNFOLD)
            assert page.evaluate(WIDER) <= 0, who
            if who in OWN_PAGES:
                check_page(page, who)


def test_an_ipad_is_one_when_a_mail_program_has_changed_the_links_end(
    browser: Any, live_server: Any, path: str
) -> None:
    for changed in (path.replace("/enroll?", "/enroll/?"), f"{path}%20."):
        with visit(browser, live_server.url, who="iPad as Mac", locale="en") as page:
            page.goto(changed)
            page.wait_for_selector(VISITORS["iPad as Mac"][3], state="attached")


def test_every_language_fits_a_phone_when_the_browser_asks_for_it(
    browser: Any, live_server: Any, path: str
) -> None:
    Organization.objects.update(server_trust="own")
    for language in LANGUAGES:
        with visit(browser, live_server.url, locale=language) as page:
            for place in (path, f"{path}&trusted=1"):
                page.goto(place)
                assert page.evaluate("document.documentElement.lang") == language
                page.evaluate(UNFOLD)
                assert page.evaluate(WIDER) <= 0, (language, place)
                check_page(page, language, schemes=("light",))


def test_a_buttons_sign_keeps_its_size_when_its_words_take_two_lines(
    browser: Any, live_server: Any, path: str
) -> None:
    with visit(browser, live_server.url, locale="fr") as page:
        page.set_viewport_size({"width": 320, "height": 640})
        page.goto(path)
        box = page.locator(".button:has-text('Télécharger') svg").first.bounding_box()
        assert box["width"] == box["height"] >= 18


def test_words_of_a_button_stay_whole_when_safari_shows_the_page_three_times_as_large(
    browser: Any, live_server: Any, path: str
) -> None:
    for language in ("de", "fr"):
        with visit(browser, live_server.url, locale=language) as page:
            page.set_viewport_size({"width": 130, "height": 281})
            page.goto(path)
            lines = page.locator("[data-open-session] button").bounding_box()["height"] // 24
            assert lines <= 3, language
            assert page.evaluate(WIDER) <= 0


def test_a_refusal_is_readable_and_offers_no_download(
    browser: Any, live_server: Any, token: EnrollmentToken, path: str, branded: Organization
) -> None:
    revoke_token(token, actor="tests")
    with visit(browser, live_server.url, status=410, locale="en") as page:
        page.goto(path)
        page.wait_for_selector("h1:has-text('no longer valid')")
        page.click("summary")
        check_page(page, "refused")
        assert page.get_by_role("link", name="it@example.com").count() == 2
        assert page.locator("form, a[href*=profile]").count() == 0


def test_the_page_follows_the_device_by_keyboard_alone(
    browser: Any, live_server: Any, path: str
) -> None:
    with visit(browser, live_server.url, locale="en") as page:
        page.goto(path)
        button = page.get_by_role("button", name="Download profile")
        for _ in range(5):
            page.keyboard.press("Tab")
            if button.evaluate("element => element === document.activeElement"):
                break
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        assert download.value.suggested_filename == "enroll.mobileconfig"
        status = page.get_by_role("status")
        assert status.get_attribute("aria-live") == "polite"
        session = EnrollmentSession.objects.get()
        assert session.platform == "ios"
        advance_session(session.public_id, state=SessionState.CERTIFICATE_ISSUED)
        page.wait_for_selector("[role=status]:has-text('Certificate issued')")
        check_page(page, "live state")


def test_the_page_still_follows_the_device_when_it_was_tapped_twice_and_loaded_anew(
    browser: Any, live_server: Any, path: str
) -> None:
    with visit(browser, live_server.url, locale="en") as page:
        page.goto(path)
        with page.expect_download():
            button = page.locator("[data-open-session] button")
            button.evaluate("button => { button.click(); button.click(); }")
        session = EnrollmentSession.objects.get()
        page.wait_for_url(f"**/enroll/sessions/{session.public_id}")
        advance_session(session.public_id, state=SessionState.CERTIFICATE_ISSUED)
        page.reload()
        assert "Certificate issued" in page.get_by_role("status").inner_text()
        assert page.get_by_role("link", name="Download again").is_visible()


def test_the_button_works_again_when_the_server_was_out_of_reach(
    browser: Any, live_server: Any, path: str
) -> None:
    with visit(browser, live_server.url, locale="en") as page:
        page.goto(path)
        button = page.locator("[data-open-session] button")
        # The page that says so, and the way back: some browsers show the same page as it was.
        page.route("**/enroll/sessions", lambda route: route.abort("aborted"))
        with page.expect_event("requestfailed", lambda asked: asked.is_navigation_request()):
            button.click()
        page.unroute("**/enroll/sessions")
        with page.expect_download():
            button.click()


def test_the_download_begins_by_itself_when_a_waiting_enrollment_is_approved(
    browser: Any, live_server: Any, make_token: MakeToken
) -> None:
    token = make_token(challenge="none", hold_for_approval=True)
    url = f"/enroll?token={build_token_text(token)}"
    with visit(browser, live_server.url, locale="en") as page:
        page.goto(url)
        page.locator("[data-open-session] button").press("Enter")
        page.get_by_text("Waiting for your IT team to approve this enrollment").wait_for()
        page.locator("[data-open-session] button").press("Enter")  # in vain, and no error
        session = EnrollmentSession.objects.get()
        assert session.state == SessionState.WAITING
        with page.expect_download() as download:
            approve_session(session, actor="tests", now=timezone.now())
        assert download.value.suggested_filename == "enroll.mobileconfig"


def test_everything_but_live_news_works_without_scripts(
    browser: Any, live_server: Any, path: str
) -> None:
    with visit(browser, live_server.url, locale="en", java_script_enabled=False) as page:
        page.goto(path)
        with page.expect_download():
            page.get_by_role("button", name="Download profile").click()
        page.wait_for_url("**/enroll/sessions/ses_*")
        advance_session(
            EnrollmentSession.objects.get().public_id, state=SessionState.CERTIFICATE_ISSUED
        )
        page.get_by_role("link", name="Check again").click()
        assert page.get_by_text("Certificate issued").is_visible()
    with visit(browser, live_server.url, who="Mac", java_script_enabled=False, locale="en") as page:
        page.goto(path)
        page.click("summary:has-text('iPhone or iPad')")
        assert page.locator("[data-link]").inner_text() in page.locator("body").inner_text()
        assert page.get_by_role("link", name="This is an iPad").count() == 2
        page.get_by_role("link", name="This is an iPad").first.click()
        assert page.get_by_role("heading", name="Enroll this iPad").is_visible()


def test_steps_are_printed_without_buttons_and_unfolded(
    browser: Any, live_server: Any, path: str
) -> None:
    with visit(browser, live_server.url, who="Mac", color_scheme="dark", locale="en") as page:
        page.goto(path)
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        assert page.locator(".button:visible").count() == 0
        assert page.get_by_alt_text("QR code of the enrollment link").is_visible()
        assert page.get_by_text("Install and remove configuration profiles").is_visible()
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("details[open]").count() == 0


def test_a_button_looks_like_one_when_colours_are_the_persons_own(
    browser: Any, live_server: Any, path: str
) -> None:
    with visit(browser, live_server.url, forced_colors="active") as page:
        page.goto(path)
        button = page.locator("[data-open-session] button")
        assert button.evaluate("it => getComputedStyle(it).borderLeftWidth") == "2px"


@pytest.fixture
def own_tls(live_server: Any, tls: TlsAuthority, settings: Any) -> Iterator[WebServer]:
    """The live server behind TLS, whose CA no browser knows; the same at another address."""

    def forward(asked: Asked) -> Reply:
        got = httpx.get(live_server.url + asked.path, headers=_pick(asked.headers))
        return Reply(got.status_code, got.content, _pick(dict(got.headers)))

    with serve(tls.make_context("localhost", "127.0.0.1"), forward) as server:
        settings.BASE_URL, settings.IS_HTTPS = server.url, True
        Organization.objects.update(
            server_trust_found="own",
            trust_check_url=f"https://127.0.0.1:{server.port}/enroll/trusted",
            updated_at=timezone.now(),
        )
        yield server


def _pick(headers: dict[str, str]) -> dict[str, str]:
    kept = ("user-agent", "accept", "content-type", "content-security-policy", "cache-control")
    return {name: value for name, value in headers.items() if name.lower() in kept}


def test_the_page_sees_whether_the_root_is_trusted_although_a_warning_was_passed(
    browser: Any, own_tls: WebServer, path: str
) -> None:
    url = own_tls.url
    agent = VISITORS["iPhone"][0]
    page = browser.new_context(user_agent=agent, locale="en").new_page()
    with pytest.raises(Exception, match="ERR_CERT_AUTHORITY_INVALID"):
        page.goto(url + path)
    page.wait_for_selector("#details-button")
    page.keyboard.type("thisisunsafe")  # Chromium's "visit this website"
    page.wait_for_selector("h2:has-text('Switch its trust on')")
    status = page.get_by_role("status")
    status.get_by_text("doesn’t trust the server yet").wait_for()
    assert "/enroll/trusted" not in [asked.path for asked in own_tls.asked]
    check_page(page, "trust the root")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Download profile").wait_for()
    page.context.close()
    # As if the root were in the device's store; iOS 15 knows no time limit of its own.
    page = browser.new_context(user_agent=agent, locale="en", ignore_https_errors=True).new_page()
    page.add_init_script("delete AbortSignal.timeout")
    page.goto(url + path)
    page.get_by_role("button", name="Download profile").wait_for()
    assert "/enroll/trusted" in [asked.path for asked in own_tls.asked]
    page.context.close()
