"""Passkeys in Chromium, with its virtual authenticator: added, signed in with, lost."""

from typing import Any

from allauth.mfa.models import Authenticator

from organization.models import Administrator
from organization.services.administrators import reset_password
from tests.console.conftest import PASSWORD
from tests.console.test_browser import browser_test, check_page, chromium, page

__all__ = ["chromium", "page"]
pytestmark = browser_test
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
KEYS = "/accounts/2fa/webauthn/"


def plug_in(page: Any) -> tuple[Any, str]:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return session, made["authenticatorId"]


def add_passkey(page: Any) -> None:
    page.goto(f"{KEYS}add/")
    page.fill("[name=password]", PASSWORD)
    page.click("button:has-text('Confirm')")
    page.fill("[name=name]", "My laptop")
    page.check("[name=passwordless]")
    check_page(page, name="adding a passkey")
    page.click("#mfa_webauthn_add")
    page.wait_for_selector("h1:has-text('Recovery Codes')")


def test_a_passkey_signs_in_by_itself_and_is_a_second_factor(
    page: Any, people: dict[str, str]
) -> None:
    plug_in(page)
    add_passkey(page)
    check_page(page, name="recovery codes")
    page.goto(KEYS)
    check_page(page, name="the list of passkeys")
    page.goto("/console/system/administrators/")
    assert page.locator("tr:has-text('administrator@example.org')", has_text="Passkey").count() == 1

    page.context.clear_cookies()
    page.goto("/accounts/login/")
    page.click("#passkey_login")
    page.wait_for_url("**/console/")

    page.context.clear_cookies()
    page.goto("/accounts/login/")
    page.fill("[name=login]", people["administrator"])
    page.fill("[name=password]", PASSWORD)
    page.click("button:text-is('Sign in')")
    page.wait_for_url("**/2fa/authenticate/")
    check_page(page, name="the second factor")
    page.click("#mfa_webauthn_authenticate")
    page.wait_for_url("**/console/")

    administrator = Administrator.objects.get(email=people["administrator"])
    reset_password(administrator, actor="tests", remove_second_factor=True)
    assert not Authenticator.objects.filter(user=administrator).exists()
    page.goto("/accounts/login/")
    page.click("#passkey_login")
    page.wait_for_selector(".has-errors, .notice-error, .errorlist, [role=alert]:not([hidden])")
    page.goto("/console/")
    assert "/accounts/login/" in page.url


def test_who_cannot_use_a_passkey_reads_why(page: Any) -> None:
    session, authenticator = plug_in(page)
    session.send(
        "WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False}
    )
    page.context.clear_cookies()
    page.goto("/accounts/login/")
    page.click("#passkey_login")
    page.wait_for_selector("#passkey-failed:not([hidden])")
    check_page(page, name="signing in without a passkey")
