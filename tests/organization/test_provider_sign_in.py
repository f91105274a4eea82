"""Administrators sign in at a real OIDC provider, a process on loopback, over real HTTP."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client

from enrollment.services.sign_in import DOOR
from organization.models import Administrator, AuditEntry, Role
from organization.services import identity_provider
from organization.services.administrators import create_administrator, update_administrator
from tests.oidc.visit import console_provider, provider, sign_in_there
from tests.organization.requests import build_request
from tests.organization.test_sign_in import SECOND
from tests.organization.totp import build_code, make_secret

__all__ = ["console_provider", "provider"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("console_provider")]
LOGIN, PASSWORD = "/accounts/login/", "correct horse battery"
START, CONSOLE = "/accounts/sign-in", "/console/"
SENSITIVE = "/console/system/administrators/new"
REFUSED = (
    "state", "denied", "mix-up", "no-id-token", "nonce", "no-nonce", "issuer", "audience", "azp",
    "expired", "no-expiry", "future", "no-subject", "signature", "kid", "none", "hs256", "userinfo",
)  # fmt: skip


@pytest.fixture
def ann() -> Administrator:
    return create_administrator("Ann@example.com", password=PASSWORD)[0]


@dataclass
class Browser:
    """Ours is asked in this process, the provider over HTTP."""

    client: Client = field(default_factory=lambda: Client(REMOTE_ADDR="203.0.113.9"))
    there: httpx.Client = field(default_factory=httpx.Client)
    came_back: str = ""

    def go(self, url: str, *, user: str, fault: str = "") -> Any:
        """Follow our link to the provider, sign in there, and come back."""
        away = self.client.get(url)
        assert away.status_code == 302, away.content
        location = sign_in_there(self.there, away["Location"], user=user, fault=fault)
        self.came_back = "{0.path}?{0.query}".format(urlsplit(location))
        return self.client.get(self.came_back)

    def is_in(self) -> bool:
        return self.client.get(CONSOLE).status_code == 200

    def read(self, url: str) -> str:
        return self.client.get(url, follow=True).content.decode()


def list_entries(action: str) -> list[tuple[str, str, str | None]]:
    rows = AuditEntry.objects.filter(action=action).order_by("pk")
    return [(row.actor, row.detail.get("reason", ""), row.remote_address) for row in rows]


def test_an_administrator_signs_in_when_the_provider_has_verified_the_address(
    ann: Administrator, provider: str
) -> None:
    browser = Browser()
    assert "Sign in with Example ID" in browser.client.get(LOGIN).content.decode()
    before = Administrator.objects.count()
    answer = browser.go(f"{START}?next=/console/groups/", user="ann")
    assert answer["Location"] == "/console/groups/"
    assert browser.is_in()
    ann.refresh_from_db()
    assert ann.provider_subject == f"{provider}#ann"
    entry = AuditEntry.objects.get(action="sign_in")
    assert entry.detail == {"by": "identity_provider"}
    assert entry.remote_address == "203.0.113.9"
    connected = AuditEntry.objects.get(action="administrator.connect_provider")
    assert connected.detail == {"subject": f"{provider}#ann", "by": "verified address"}
    # The same answer again is worth nothing, and in another browser it never was.
    for again in (Client(), browser.client):
        again.get("/accounts/logout/")
        again.post("/accounts/logout/")
        assert again.get(browser.came_back)["Location"] == LOGIN
    assert not browser.is_in()
    assert Administrator.objects.count() == before


def test_an_account_is_opened_by_the_person_it_is_connected_with_and_nobody_else(
    ann: Administrator,
) -> None:
    Browser().go(START, user="ann")
    second = Browser()
    second.go(START, user="ann2")  # the same verified address, another person
    assert not second.is_in()
    assert "connected with another person" in second.read(LOGIN)
    # An address that changes there changes nothing here.
    Administrator.objects.filter(pk=ann.pk).update(email="ann.lee@example.com")
    first = Browser()
    first.go(START, user="ann")
    assert first.is_in()


@pytest.mark.parametrize(
    ("user", "reason", "text"),
    [
        ("eve", "no verified address", "Nobody signs in here"),  # calls herself Ann
        ("bob", "no verified address", "Nobody signs in here"),  # says nothing of verifying
        ("zoe", "nobody here has this address", "Nobody signs in here"),
        ("kelvin", "no verified address", "Nobody signs in here"),  # a sign that looks like k
    ],
)
def test_nobody_else_comes_in_and_no_account_is_made(
    ann: Administrator, user: str, reason: str, text: str
) -> None:
    for name in ("bob", "kim"):
        create_administrator(f"{name}@example.com")
    before = Administrator.objects.count()
    browser = Browser()
    assert browser.go(START, user=user)["Location"] == LOGIN
    assert text in browser.read(LOGIN)
    assert not browser.is_in()
    assert [entry[1:] for entry in list_entries("sign_in.failed")] == [(reason, "203.0.113.9")]
    assert Administrator.objects.count() == before
    assert not Administrator.objects.exclude(provider_subject="").exists()


def test_who_may_not_sign_in_is_kept_out_and_told(ann: Administrator) -> None:
    Browser().go(START, user="ann")
    update_administrator(ann, name="", role=Role.ADMINISTRATOR, is_active=False, actor="manage.py")
    browser = Browser()
    browser.go(START, user="ann")
    assert "may not sign in" in browser.read(LOGIN)
    assert not browser.is_in()
    assert list_entries("sign_in.failed")[0][0] == "ann@example.com"


@pytest.mark.parametrize("fault", REFUSED)
def test_an_answer_is_refused_when_something_about_it_does_not_hold(
    ann: Administrator, fault: str
) -> None:
    browser = Browser()
    assert browser.go(START, user="ann", fault=fault)["Location"] == LOGIN
    assert not browser.is_in()
    noted = list_entries("sign_in.failed")
    assert len(noted) == (0 if fault == "state" else 1)  # a state made up belongs to nobody
    assert "eyJ" not in str(noted)


def test_the_second_factor_of_this_server_is_asked_for_after_the_provider(
    ann: Administrator,
) -> None:
    secret = make_secret()
    TOTP.activate(ann, secret)
    browser = Browser()
    assert browser.go(f"{START}?next=/console/groups/", user="ann")["Location"] == SECOND
    assert not browser.is_in()
    assert (
        browser.client.post(SECOND, {"code": build_code(secret)})["Location"] == "/console/groups/"
    )
    assert browser.is_in()
    assert AuditEntry.objects.get(action="sign_in").detail == {"by": "identity_provider, totp"}


def test_a_one_time_password_dies_when_its_owner_signs_in_at_the_provider() -> None:
    _, password = create_administrator("ann@example.com")
    browser = Browser()
    browser.go(START, user="ann")
    assert browser.is_in()
    other = Client()
    assert other.post(LOGIN, {"login": "ann@example.com", "password": password}).status_code == 200
    assert AuditEntry.objects.filter(action="administrator.forget_one_time_password").exists()
    assert "/accounts/password/" not in browser.read(CONSOLE)
    changed = browser.client.get("/accounts/password/change/", follow=True)  # from a bookmark
    assert changed.status_code == 200
    assert "You have no password" in changed.content.decode()


@pytest.mark.parametrize(
    "next_url", ["https://evil.example/", "//evil.example/", "/\\evil.example"]
)
def test_the_way_back_leads_nowhere_else(ann: Administrator, next_url: str) -> None:
    browser = Browser()
    assert browser.go(f"{START}?next={next_url}", user="ann")["Location"] == CONSOLE
    assert browser.client.get(f"{START}?next={next_url}")["Location"] == CONSOLE


def test_there_is_no_such_sign_in_unless_it_is_switched_on(settings: Any) -> None:
    settings.OIDC_CONSOLE = False
    assert "Example ID" not in Client().get(LOGIN).content.decode()
    for path in (START, f"{START}/again", f"{START}/connect", "/accounts/signed-in?state=x&code=y"):
        assert Client().get(path).status_code == 404


def test_an_answer_meant_for_enrolling_opens_no_console(ann: Administrator) -> None:
    """The state of one door is not good at the other, though the browser has both."""
    browser = Browser()
    browser.client.get(START)
    request = build_request(browser.client)
    there = identity_provider.begin(request, door=DOOR, data={"token": "", "device": ""})
    request.session.save()
    location = sign_in_there(browser.there, there, user="ann")
    browser.client.get(f"/accounts/signed-in?{urlsplit(location).query}")
    assert not browser.is_in()
    assert list_entries("sign_in.failed") == []  # the provider has not been asked who it is


def test_sign_ins_are_begun_only_so_often_from_one_address(ann: Administrator) -> None:
    codes = [Client(REMOTE_ADDR="203.0.113.77").get(START).status_code for _ in range(21)]
    assert codes == [302] * 20 + [429]
    assert Client(REMOTE_ADDR="203.0.113.78").get(START).status_code == 302
