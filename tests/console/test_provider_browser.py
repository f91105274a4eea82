"""An administrator connects, signs in and proves again at the identity provider, in Chromium."""

from typing import Any

import pytest

from organization.models import Administrator
from tests.console.test_browser import browser_test, check_page, chromium, page
from tests.oidc.visit import configure, provider

__all__ = ["chromium", "page", "provider"]
pytestmark = browser_test
PEOPLE = "/console/system/administrators/"


@pytest.fixture(autouse=True)
def signs_in(settings: Any, provider: str, live_server: Any) -> None:
    configure(settings, issuer=provider)
    settings.OIDC_CONSOLE, settings.BASE_URL = True, live_server.url


def sign_in_there(page: Any, user: str) -> None:
    page.wait_for_selector("[name=user]")
    page.fill("[name=user]", user)
    page.click("button:has-text('Sign in')")


def test_a_connected_administrator_signs_in_by_the_provider_and_proves_it_there(
    page: Any, people: dict[str, str], provider: str
) -> None:
    row = Administrator.objects.get(email=people["administrator"])
    page.goto(f"{PEOPLE}{row.public_id}")
    page.click("text=Connect with Example ID")
    sign_in_there(page, "bob")
    page.wait_for_selector(f"text={provider}#bob")
    check_page(page, name="one's own page")
    page.click("text=Disconnect…")
    page.wait_for_selector("dialog[open] >> text=does not open this account")
    check_page(page, name="the question before disconnecting")

    page.context.clear_cookies()
    page.goto(f"/accounts/login/?next={PEOPLE}new")
    check_page(page, name="the sign-in")
    page.click("text=Sign in with Example ID")
    sign_in_there(page, "bob")
    # The provider did not say when it saw him: what is sensitive asks again.
    page.wait_for_selector("text=Is it still you?")
    check_page(page, name="the question who it is")
    page.click("text=Sign in again with Example ID")
    sign_in_there(page, "bob")
    page.wait_for_selector("h1:has-text('administrator')")
    assert page.url.endswith(f"{PEOPLE}new")


def test_who_has_no_account_reads_so(page: Any) -> None:
    page.context.clear_cookies()
    page.goto("/accounts/login/")
    page.click("text=Sign in with Example ID")
    sign_in_there(page, "zoe")
    page.wait_for_selector("text=Nobody signs in here with that address")
    check_page(page, name="the sign-in after a refusal")
