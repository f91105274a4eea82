"""Poster, mail and kiosk in Chromium: what is printed is one sheet, and its code can be scanned."""

import io
from typing import Any

import PIL.Image
import PIL.ImageChops
import PIL.ImageDraw
import pypdfium2
import pytest
import zxingcpp
from django.test import Client

from enrollment.services.short_links import build_short_url
from enrollment.services.token_texts import build_enrollment_url
from organization.models import Organization
from organization.services.branding import set_logo
from tests.console.conftest import World
from tests.console.test_browser import WIDER, browser_test, check_page, chromium, page

__all__ = ["chromium", "page"]  # fixtures
POINTS = {"a4": (595, 842), "letter": (612, 792)}
DOTS_PER_INCH = 150
QR_MM = 120


def print_page(page: Any) -> pypdfium2.PdfDocument:
    return pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True, print_background=False))


def render(document: pypdfium2.PdfDocument) -> Any:
    """The first sheet as a laser printer without colour makes it."""
    return document[0].render(scale=DOTS_PER_INCH / 72, grayscale=True).to_pil()


def read_code(picture: Any) -> Any:
    (code,) = zxingcpp.read_barcodes(picture)
    return code


def draw_logo() -> bytes:
    picture = PIL.Image.new("RGB", (600, 200), "#ffffff")
    PIL.ImageDraw.Draw(picture).ellipse((20, 20, 180, 180), fill="#ff9500")
    content = io.BytesIO()
    picture.save(content, format="png")
    return content.getvalue()


class TestPoster:
    pytestmark = browser_test

    @pytest.mark.parametrize(
        ("paper", "language", "link"),
        [
            ("a4", "en", "full"),
            ("a4", "de", "short"),
            ("letter", "fr", "full"),
            ("letter", "es", "short"),
            ("letter", "ja", "full"),
        ],
    )
    def test_it_prints_on_one_sheet_without_colour_and_can_be_scanned(
        self, page: Any, world: World, paper: str, language: str, link: str
    ) -> None:
        path = f"/console/enrollment/ota/tokens/{world.token.jti}/poster"
        page.goto(f"{path}?paper={paper}&language={language}&link={link}")
        assert page.locator("main.poster").is_visible()
        document = print_page(page)
        assert len(document) == 1
        size = [round(each) for each in document[0].get_size()]
        assert size == pytest.approx(POINTS[paper], abs=2)
        picture = render(document)
        code = read_code(picture)
        build = build_short_url if link == "short" else build_enrollment_url
        assert code.text == build(world.token)
        width = code.position.top_right.x - code.position.top_left.x
        assert width / DOTS_PER_INCH * 25.4 == pytest.approx(QR_MM, abs=2)
        text = document[0].get_textpage().get_text_bounded()
        assert "Paper" not in text, "the controls are not printed"
        assert ("/e/" in text) == (link == "short")

    def test_it_still_is_one_sheet_when_everything_is_long(self, page: Any, world: World) -> None:
        organization = Organization.objects.get()
        set_logo(organization, content=draw_logo(), actor="tests")
        Organization.objects.update(
            name="Donaudampfschifffahrtsgesellschaft " * 5,
            support_contact="Service desk, third floor, room 3.14, +49 30 1234567 " * 3,
            accent_colour="#ff9500",
        )
        path = f"/console/enrollment/ota/tokens/{world.token.jti}/poster"
        for paper in POINTS:
            page.goto(f"{path}?paper={paper}&language=de&link=short")
            document = print_page(page)
            assert len(document) == 1
            picture = render(document)
            assert read_code(picture).text == build_short_url(world.token)
            # Nothing is cut off: no text ends at the sheet's edge.
            text = document[0].get_textpage().get_text_bounded()
            assert "Installieren" in text
            assert "Service desk" in text

    def test_choices_are_made_by_keyboard_and_the_page_is_accessible(
        self, page: Any, world: World
    ) -> None:
        page.goto(f"/console/enrollment/ota/tokens/{world.token.jti}/poster")
        check_page(page, name="poster")
        page.select_option("[name=language]", "de")
        page.wait_for_selector("h1:has-text('registrieren')")
        assert page.locator("[name=paper]").input_value() == "a4"
        assert page.locator("[data-print]").is_visible()

    @pytest.mark.parametrize("paper", ["a4", "letter"])
    def test_the_poster_is_no_wider_than_the_screen_when_the_screen_is_small(
        self, page: Any, world: World, paper: str
    ) -> None:
        for width in (320, 360, 390):
            page.set_viewport_size({"width": width, "height": 640})
            page.goto(f"/console/enrollment/ota/tokens/{world.token.jti}/poster?paper={paper}")
            assert page.evaluate(WIDER) <= 0, width


class TestMail:
    pytestmark = browser_test

    def test_language_is_changed_and_text_copied_in_the_dialog(
        self, page: Any, world: World
    ) -> None:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto("/console/enrollment/ota/tokens/")
        page.click(f"[hx-get$='{world.token.jti}/qr'] >> nth=0")
        page.click("dialog[open] a:has-text('E-mail')")
        page.wait_for_selector("dialog[open] #mail-body")
        page.select_option("dialog[open] [name=language]", "fr")
        page.wait_for_selector("dialog[open] #mail-subject[lang=fr]")
        page.click("dialog[open] button:has-text('Copy text')")
        page.wait_for_selector("dialog[open] button:has-text('Copied')")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert "Télécharger le profil" in copied
        assert build_short_url(world.token) in copied
        assert page.get_attribute("dialog[open] a[href^=mailto]", "href")
        check_page(page, name="mail in the dialog")
        page.goto(f"/console/enrollment/ota/tokens/{world.token.jti}/mail")
        check_page(page, name="mail as a page")


class TestKiosk:
    pytestmark = browser_test

    def test_screen_renews_itself_and_is_no_way_into_the_console(
        self, page: Any, world: World, live_server: Any
    ) -> None:
        page.goto(f"/console/enrollment/ota/tokens/{world.token.jti}/kiosk")
        check_page(page, name="start of a kiosk")
        page.click("button:has-text('Sign out and start')")
        page.wait_for_url("**/enroll/kiosk/kio_*")
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            for size in ((1280, 800), (800, 1280), (390, 844)):
                page.set_viewport_size({"width": size[0], "height": size[1]})
                shot = PIL.Image.open(io.BytesIO(page.screenshot()))
                url = read_code(shot).text
        check_page(page, name="kiosk")
        phone = Client(headers={"User-Agent": "iPhone; CPU iPhone OS 18_1 like Mac OS X Safari"})
        landing = phone.get(url.removeprefix(live_server.url), follow=True)
        token = landing.context["token_text"]
        made = phone.post("/enroll/sessions", {"token": token}).json()
        phone.get(made["profile_url"])
        page.wait_for_selector("text=being enrolled")
        assert read_code(PIL.Image.open(io.BytesIO(page.screenshot()))).text != url
        page.goto("/console/")
        assert "/accounts/login/" in page.url


@pytest.mark.django_db
def test_kiosk_is_ended_in_the_console(world: World, operator: Client) -> None:
    base = f"/console/enrollment/ota/tokens/{world.token.jti}"
    assert "not seen yet" in operator.get(f"{base}/kiosk").text
    operator.post(f"{base}/kiosks/{world.kiosk.public_id}/end")
    assert "not seen yet" not in operator.get(f"{base}/kiosk").text
    world.kiosk.refresh_from_db()
    assert world.kiosk.ended_at is not None


@pytest.mark.django_db
def test_wrong_choices_in_the_address_are_the_first_ones(world: World, operator: Client) -> None:
    base = f"/console/enrollment/ota/tokens/{world.token.jti}"
    page = operator.get(f"{base}/poster?paper=A0&language=xx&link=<b>")
    assert page.status_code == 200
    assert "poster-a4.css" in page.text
    assert 'lang="en"' in page.text


def test_the_code_of_a_token_leads_to_its_page_and_to_invitations(
    world: World, operator: Client
) -> None:
    token = f"/console/enrollment/ota/tokens/{world.token.jti}"
    page = operator.get(f"{token}/qr").text
    assert f'<a href="{token}"><bdi>Spring intake</bdi></a>' in page
    assert f'href="{token}/invitations/"' in page
