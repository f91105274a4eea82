"""Name, help contact, colour and logo, as the people who enroll see them."""

import io

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image

from enrollment.models import EnrollmentToken
from enrollment.services.token_texts import build_token_text, verify_token
from enrollment.services.tokens import revoke_token
from organization.models import AuditEntry, Organization
from organization.services.branding import remove_logo, set_logo, update_organization
from tests.enrollment.conftest import IPHONE, MakeToken
from tests.organization.protocol.test_logo import encode

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization(bootstrapped: None) -> Organization:
    return Organization.objects.get()


def open_page(client: Client, make_token: MakeToken) -> str:
    answer = client.get(
        "/enroll", {"token": build_token_text(make_token())}, headers={"User-Agent": IPHONE}
    )
    return answer.content.decode()


def test_page_wears_the_organizations_colour_and_logo_when_they_are_set(
    client: Client, make_token: MakeToken, organization: Organization
) -> None:
    assert "/branding/" not in open_page(client, make_token)
    update_organization(organization, accent_colour="#C2185B", actor="tests")
    set_logo(organization, content=encode(Image.new("RGB", (300, 90), "navy")), actor="tests")
    page = open_page(client, make_token)
    organization.refresh_from_db()
    addresses = (
        "/branding/c2185b.css",
        f"/branding/{organization.logo_digest}.png",
        f"/branding/{organization.logo_digest}-large.png",
    )
    assert addresses[0] in page
    assert addresses[1] in page
    style, logo, large = (client.get(address) for address in addresses)
    assert "--fill:#c2185b" in style.content.decode()
    assert style["Content-Type"] == "text/css; charset=utf-8"
    for image in (logo, large):
        assert image["Content-Type"] == "image/png"
        assert image["X-Content-Type-Options"] == "nosniff"
        assert "immutable" in image["Cache-Control"]
        assert Image.open(io.BytesIO(image.content)).format == "PNG"


def test_page_shows_our_mark_again_when_the_logo_is_removed(
    client: Client, make_token: MakeToken, organization: Organization
) -> None:
    set_logo(organization, content=encode(Image.new("RGB", (9, 9))), actor="tests")
    address = f"/branding/{organization.logo_digest}.png"
    remove_logo(organization, actor="tests")
    assert 'class="logo"' not in open_page(client, make_token)
    assert client.get(address).status_code == 404
    assert client.post("/branding/c2185b.css").status_code == 405


def test_help_contact_is_tapped_when_it_holds_addresses(
    client: Client, make_token: MakeToken, organization: Organization
) -> None:
    contact = "<b>IT</b>, +41 44 123 45 67, it@example.com"
    update_organization(organization, support_contact=contact, actor="tests")
    page = open_page(client, make_token)
    assert '<a href="tel:+41441234567">+41 44 123 45 67</a>' in page
    assert '<a href="mailto:it@example.com">it@example.com</a>' in page
    assert "&lt;b&gt;IT&lt;/b&gt;" in page


def test_tokens_stay_valid_when_the_organization_is_renamed(
    client: Client, make_token: MakeToken, organization: Organization
) -> None:
    token = make_token()
    text = build_token_text(token)
    update_organization(organization, name="Renamed & Sons", actor="tests")
    assert verify_token(text, now=timezone.now()).token == token
    assert "Renamed &amp; Sons" in client.get("/enroll", {"token": text}).content.decode()
    profile = client.get("/enroll/profile", {"token": text})
    assert b"Renamed &amp; Sons" in profile.content


def test_changes_are_noted_and_what_stays_is_none_when_branding_is_saved(
    organization: Organization,
) -> None:
    values = {"name": "New", "support_contact": organization.support_contact}
    for _ in range(2):
        update_organization(organization, **values, accent_colour="#0062cc", actor="ada")
    entry = AuditEntry.objects.get(action="organization.update")
    assert entry.detail == {"name": {"from": "Example Org", "to": "New"}}
    assert entry.actor == "ada"


@pytest.mark.parametrize("kind", ["expired", "used up", "revoked", "altered", "nonsense"])
def test_refused_people_read_whom_to_ask_and_cannot_download(
    client: Client, make_token: MakeToken, organization: Organization, kind: str
) -> None:
    update_organization(organization, support_contact="it@example.com", actor="tests")
    token = make_token(expires=-1 if kind == "expired" else 1, max_uses=1)
    if kind == "used up":
        EnrollmentToken.objects.update(use_count=1)
    if kind == "revoked":
        revoke_token(token, actor="tests")
    text = "nonsense" if kind == "nonsense" else build_token_text(token)
    if kind == "altered":
        text = text[:-8] + "AAAAAAAA"
    answer = client.get("/enroll", {"token": text}, headers={"User-Agent": IPHONE})
    page = answer.content.decode()
    assert answer.status_code in (400, 403, 410)
    advice = "Ask your IT team for a new enrollment link."
    if kind in ("altered", "nonsense"):
        advice = "Open the whole link as it was sent to you"
    assert advice in page
    assert page.count('href="mailto:it@example.com"') == 2
    assert "<form" not in page
    assert "/enroll/profile" not in page
