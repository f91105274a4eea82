"""Proving again who one is at the provider, and which account opens to whom there."""

import re
from html import unescape

import pytest
from django.test import Client

from organization.models import Administrator, AuditEntry, Role
from organization.services.administrators import create_administrator
from tests.oidc.visit import console_provider, provider
from tests.organization.test_provider_sign_in import (
    CONSOLE,
    LOGIN,
    PASSWORD,
    SENSITIVE,
    START,
    Browser,
)

__all__ = ["console_provider", "provider"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("console_provider")]
AGAIN = f"{START}/again?next={SENSITIVE}"
PEOPLE = "/console/system/administrators/"
FACTORS = "/accounts/2fa/totp/activate/"


@pytest.fixture
def ann() -> Administrator:
    """She has never had a password that she would know."""
    return create_administrator("ann@example.com")[0]


@pytest.fixture
def browser(ann: Administrator) -> Browser:
    browser = Browser()
    browser.go(START, user="ann")
    return browser


def sign_in_by_password(email: str, role: str = Role.ADMINISTRATOR) -> Browser:
    create_administrator(email, password=PASSWORD, role=role)
    browser = Browser()
    browser.client.post(LOGIN, {"login": email, "password": PASSWORD})
    assert browser.is_in()
    return browser


def find_link(page: str) -> str:
    found = re.search(rf'href="({START}/connect[^"]+)"', page)
    assert found, page
    return unescape(found[1])


def get_page(email: str) -> str:
    return f"{PEOPLE}{Administrator.objects.get(email=email).public_id}"


def test_a_sign_in_that_asked_nothing_is_no_proof_for_what_is_sensitive(browser: Browser) -> None:
    """The provider may have let in whoever sits there by a session of last week."""
    assert browser.is_in()
    asked = browser.client.get(SENSITIVE)["Location"]
    assert asked.startswith("/accounts/reauthenticate/")
    # She has no password: the provider is the way, and the address survives.
    answer = browser.client.get(asked)
    assert answer["Location"].startswith(f"{START}/again")
    answer = browser.go(answer["Location"], user="ann")
    assert answer["Location"] == SENSITIVE
    assert browser.client.get(SENSITIVE).status_code == 200


def test_a_fresh_sign_in_that_the_provider_dates_is_proof_enough(ann: Administrator) -> None:
    for fault, asked in (("old-session", 302), ("fresh-session", 200)):
        browser = Browser()
        browser.go(START, user="ann", fault=fault)
        assert browser.is_in()
        assert browser.client.get(SENSITIVE).status_code == asked


@pytest.mark.parametrize(
    ("user", "fault", "text"),
    [
        ("ann", "old-session", "has not asked you again"),
        ("ann", "no-auth-time", "has not asked you again"),
        ("zoe", "", "somebody else’s account"),
        ("ann", "denied", "was cancelled"),
    ],
)
def test_nothing_is_proven_again_when_it_is_old_or_somebody_elses(
    browser: Browser, user: str, fault: str, text: str
) -> None:
    browser.go(AGAIN, user=user, fault=fault)
    assert text in browser.read(CONSOLE)
    assert browser.client.get(SENSITIVE).status_code == 302
    entry = AuditEntry.objects.get(action="sign_in.failed")
    assert (entry.actor, entry.detail["by"]) == ("ann@example.com", "identity_provider")


def test_the_provider_is_told_to_ask_again(browser: Browser) -> None:
    away = browser.client.get(AGAIN)["Location"]
    assert "prompt=login" in away
    assert "max_age=0" in away
    assert "prompt" not in Client().get(START)["Location"]


def test_a_second_factor_is_added_after_proving_again_even_without_a_password(
    browser: Browser,
) -> None:
    assert browser.client.get(FACTORS)["Location"].startswith(f"{START}/again")
    browser.go(AGAIN, user="ann")
    assert browser.client.get(FACTORS).status_code == 200


def test_who_has_a_password_may_prove_it_by_either(ann: Administrator) -> None:
    browser = sign_in_by_password("zoe@example.com")
    Browser().go(START, user="zoe")
    page = browser.read(f"/accounts/reauthenticate/?next={SENSITIVE}")
    assert "Sign in again with Example ID" in page
    assert 'type="password"' in page
    assert f"{START}/again?next={SENSITIVE.replace('/', '%2F')}" in page


def test_ones_own_account_is_connected_without_any_address(provider: str) -> None:
    """For providers that verify no addresses: the person has signed in to both."""
    browser = sign_in_by_password("robert@example.org", Role.AUDITOR)
    page = get_page("robert@example.org")
    browser.go(find_link(browser.read(page)), user="bob")
    assert f"{provider}#bob" in browser.read(page)
    other = Browser()
    other.go(START, user="bob")
    assert other.is_in()
    assert "robert@example.org" in other.read(page)
    entry = AuditEntry.objects.get(action="administrator.connect_provider")
    assert (entry.actor, entry.detail["by"]) == ("robert@example.org", "own session")


def test_no_other_page_makes_a_browser_connect(provider: str) -> None:
    """Else somebody else's person there would open this account."""
    victim, attacker = (
        sign_in_by_password("vic@example.org"),
        sign_in_by_password("att@example.org"),
    )
    foreign = find_link(attacker.read(get_page("att@example.org")))
    for link in (f"{START}/connect", f"{START}/connect?check=x", foreign):
        assert victim.client.get(link).status_code == 403
    assert not Administrator.objects.exclude(provider_subject="").exists()


def test_a_person_there_opens_one_account(browser: Browser) -> None:
    other = sign_in_by_password("robert@example.org")
    other.go(find_link(other.read(get_page("robert@example.org"))), user="ann")
    assert "connected with another person" in other.read(CONSOLE)
    assert Administrator.objects.get(email="robert@example.org").provider_subject == ""


def test_who_is_disconnected_is_signed_out_and_the_next_person_connects(
    browser: Browser, provider: str
) -> None:
    chief = sign_in_by_password("chief@example.org")
    page = f"{get_page('ann@example.com')}/disconnect"
    assert "verified address" in chief.read(page)
    chief.client.post(page)
    assert not browser.is_in()
    entry = AuditEntry.objects.get(action="administrator.disconnect_provider")
    assert entry.detail == {"subject": f"{provider}#ann"}
    second = Browser()
    second.go(START, user="ann2")
    assert second.is_in()


def test_nobody_disconnects_the_only_way_in_to_their_own_account(browser: Browser) -> None:
    page = f"{get_page('ann@example.com')}/disconnect"
    browser.go(f"{START}/again?next={page}", user="ann")
    assert (
        "another administrator can make you one"
        in browser.client.post(page, follow=True).content.decode()
    )
    assert Administrator.objects.exclude(provider_subject="").exists()


def test_an_auditor_disconnects_nobody_else(ann: Administrator) -> None:
    auditor = sign_in_by_password("robert@example.org", Role.AUDITOR)
    Browser().go(START, user="ann")
    page = f"{get_page('ann@example.com')}/disconnect"
    assert auditor.client.get(page).status_code == 403
    assert auditor.client.post(page).status_code == 403
    assert "Disconnect" not in auditor.read(get_page("ann@example.com"))
