from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from organization.models import Administrator
from organization.services.administrators import (
    create_administrator,
    reset_password,
    update_administrator,
)
from tests.organization.totp import build_code, make_secret

pytestmark = pytest.mark.django_db
LOGIN, SIGN_UP, CHANGE = "/accounts/login/", "/accounts/signup/", "/accounts/password/change/"
SECOND, PASSKEY = "/accounts/2fa/authenticate/", "/accounts/2fa/webauthn/login/"
PASSWORD = "correct horse battery"
TRIES = 12
SIGNED_OUT = "You have been signed out"


def sign_in(client, email, password, **headers):
    return client.post(LOGIN, {"login": email, "password": password}, **headers)


def test_nobody_signs_up(client):
    before = Administrator.objects.count()
    form = {"email": "eve@example.com", "password1": "correct horse battery"}
    assert client.post(SIGN_UP, form).status_code == 404
    assert Administrator.objects.count() == before


def test_a_one_time_password_leads_to_a_new_one_and_then_to_the_console(client):
    _, password = create_administrator("ada@example.com")
    assert sign_in(client, "ada@example.com", password).status_code == 302
    assert client.get("/console/").headers["Location"] == CHANGE
    page = client.get(CHANGE).content.decode()
    assert 'action="/accounts/logout/"' in page
    assert 'href="/console/"' not in page  # it would lead back here
    new = "correct horse battery"
    changed = client.post(CHANGE, {"oldpassword": password, "password1": new, "password2": new})
    assert changed.headers["Location"] == "/console/"
    assert sign_in(client, "ada@example.com", new).status_code == 302
    assert client.get("/console/").status_code == 200


def test_a_changed_password_ends_the_sessions_of_other_browsers_and_says_so(client):
    ada, _ = create_administrator("ada@example.com", password=PASSWORD)
    other = Client()
    for browser in (client, other):
        assert sign_in(browser, ada.email, PASSWORD).status_code == 302
    new = "another long password 7"
    change = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    page = client.post(CHANGE, change, follow=True).content.decode()
    assert "Other browsers that were signed in are signed out." in page
    assert client.get("/console/").status_code == 200
    assert other.get("/console/")["Location"].startswith(LOGIN)


def end_by_role(ada):
    update_administrator(ada, name="", role="auditor", is_active=True, actor="manage.py")


def end_by_leave(ada):
    update_administrator(ada, name="", role="operator", is_active=False, actor="manage.py")


def end_by_time(ada):
    Session.objects.update(expire_date=timezone.now() - timedelta(days=1))


@pytest.mark.parametrize(
    "end", [end_by_role, end_by_leave, end_by_time, lambda ada: reset_password(ada, actor="x")]
)
def test_the_sign_in_page_says_so_when_a_session_has_ended(client, end):
    create_administrator("boss@example.com", password=PASSWORD)
    ada, _ = create_administrator("ada@example.com", role="operator", password=PASSWORD)
    assert sign_in(client, ada.email, PASSWORD).status_code == 302
    end(ada)
    assert SIGNED_OUT in client.get("/console/", follow=True).content.decode()


def test_the_sign_in_page_says_nothing_to_visitors_and_to_those_who_have_signed_out(client):
    assert SIGNED_OUT not in client.get("/console/", follow=True).content.decode()
    ada, _ = create_administrator("ada@example.com", password=PASSWORD)
    assert sign_in(client, ada.email, PASSWORD).status_code == 302
    client.post("/accounts/logout/")
    assert SIGNED_OUT not in client.get("/console/", follow=True).content.decode()
    client.get(PASSKEY)  # leaves a session of nobody
    assert SIGNED_OUT not in client.get("/console/", follow=True).content.decode()


def test_the_place_is_kept_when_a_session_ends_below_an_open_page(client):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/console/devices/?q=ann"}
    answer = client.get("/console/devices/?q=anna", headers=headers)
    assert answer["HX-Redirect"] == "/accounts/login/?next=/console/devices/%3Fq%3Dann"
    answer = client.get("/console/devices/", headers=headers | {"HX-Current-URL": "https://evil/x"})
    assert answer["HX-Redirect"] == "/accounts/login/?next=/console/"


@pytest.mark.parametrize(
    ("there", "leads"),
    [
        ("/console/devices/?q=ann", "/console/devices/?q=ann"),
        ("http://testserver/console/groups/", "http://testserver/console/groups/"),
        ("https://evil.example/", "/console/"),
        ("//evil.example/", "/console/"),
        ("/\\evil.example/", "/console/"),
        ("javascript:alert(1)", "/console/"),
        ("http://localhost/", "/console/"),
        ("https://phish.example.com/", "/console/"),
    ],
)
def test_nobody_is_led_to_another_host_when_they_have_signed_in(client, settings, there, leads):
    settings.ALLOWED_HOSTS = ["testserver", "localhost", ".example.com"]
    create_administrator("ada@example.com", password=PASSWORD)
    form = {"login": "ada@example.com", "password": PASSWORD, "next": there}
    assert client.post(LOGIN, form)["Location"] == leads


def test_nobody_is_led_to_an_unencrypted_page_when_the_server_speaks_tls(client, settings):
    settings.IS_HTTPS = True
    create_administrator("ada@example.com", password=PASSWORD)
    form = {"login": "ada@example.com", "password": PASSWORD, "next": "http://testserver/"}
    assert client.post(LOGIN, form)["Location"] == "/console/"


def deactivate(ada):
    for is_active in (False, True):
        update_administrator(ada, name="", role="operator", is_active=is_active, actor="manage.py")


@pytest.mark.parametrize("change", [deactivate, lambda ada: reset_password(ada, actor="manage.py")])
def test_a_sign_in_is_not_completed_when_its_first_proof_is_worth_nothing_any_more(client, change):
    ada, _ = create_administrator("ada@example.com", password=PASSWORD, role="operator")
    secret = make_secret()
    TOTP.activate(ada, secret)
    assert sign_in(client, ada.email, PASSWORD)["Location"] == SECOND
    change(ada)
    assert client.post(SECOND, {"code": build_code(secret)})["Location"] == LOGIN
    assert client.get("/console/")["Location"].startswith(LOGIN)


@pytest.mark.parametrize("path", [LOGIN, CHANGE])
def test_who_forgot_a_password_reads_who_makes_a_new_one(client, path):
    administrator, _ = create_administrator("ada@example.com")
    if path == CHANGE:
        client.force_login(administrator)
    page = client.get(path).content.decode()
    assert "manage.py reset_password" in page
    assert "/accounts/password/reset" not in page


def test_guessing_is_stopped_for_the_guesser_and_not_for_others(client, settings):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    guesser, other = (
        {"HTTP_X_FORWARDED_FOR": address} for address in ("203.0.113.9", "203.0.113.10")
    )
    for number in range(TRIES):
        sign_in(client, f"guess{number}@example.com", "wrong", **guesser)
    create_administrator("ada@example.com", password="correct horse battery")
    refused = sign_in(client, "ada@example.com", "correct horse battery", **guesser)
    assert refused.status_code != 302
    assert sign_in(client, "ada@example.com", "correct horse battery", **other).status_code == 302


def test_guessing_at_one_account_is_stopped_from_wherever_and_however_it_is_addressed(client):
    """A Host header may name any port, and browsers anywhere any spelling."""
    create_administrator("kit@example.com", password=PASSWORD)
    for number in range(6):
        email = "Kit@example.com" if number % 2 else " kit@EXAMPLE.com "
        where = {"REMOTE_ADDR": f"203.0.113.{number}", "HTTP_HOST": f"testserver:{8000 + number}"}
        sign_in(Client(), email, "wrong", **where)
    where = {"REMOTE_ADDR": "203.0.113.99", "HTTP_HOST": "testserver:9999"}
    refused = sign_in(client, "kit@example.com", PASSWORD, **where)
    assert refused.status_code == 200
    assert "Too many failed" in refused.content.decode()


def test_a_session_gets_a_new_name_when_somebody_signs_in(client):
    """Else whoever had put the old one into this browser would be signed in as well."""
    create_administrator("ada@example.com", password=PASSWORD)
    client.get("/accounts/2fa/webauthn/login/", headers={"Accept": "application/json"})
    before = client.cookies["sessionid"].value
    sign_in(client, "ada@example.com", PASSWORD)
    assert client.cookies["sessionid"].value != before
    planted = Client()
    planted.cookies["sessionid"] = before
    assert planted.get("/console/")["Location"].startswith(LOGIN)


def test_visitors_fill_no_table_with_sessions_that_nobody_signs_in_with():
    visitor = Client(REMOTE_ADDR="203.0.113.45")
    headers = {"Accept": "application/json"}
    assert visitor.get(PASSKEY, headers=headers).status_code == 200
    assert visitor.session.get_expiry_age() <= 15 * 60
    codes = [
        Client(REMOTE_ADDR="203.0.113.45").get(PASSKEY, headers=headers).status_code
        for _ in range(31)
    ]
    assert (codes[0], codes[-1]) == (200, 429)
    assert Client(REMOTE_ADDR="203.0.113.46").get(PASSKEY, headers=headers).status_code == 200


def test_a_visit_that_began_with_a_passkey_ends_no_session_by_password(client):
    create_administrator("ada@example.com", password=PASSWORD)
    client.get(PASSKEY, headers={"Accept": "application/json"})
    values = {"login": "ada@example.com", "password": PASSWORD, "remember": "on"}
    client.post(LOGIN, values)
    assert client.session.get_expiry_age() > 24 * 3600


def test_codes_are_guessed_only_so_often_from_wherever():
    lee, _ = create_administrator("lee@example.com", password=PASSWORD)
    secret = make_secret()
    TOTP.activate(lee, secret)
    codes = ["000000"] * 5 + [build_code(secret)]
    for number, code in enumerate(codes):
        browser = Client(REMOTE_ADDR=f"2001:db8:{number}::1")
        sign_in(browser, "lee@example.com", PASSWORD)
        browser.post(SECOND, {"code": code})
    assert browser.get("/console/").status_code == 302


def test_forms_of_the_account_speak_as_the_console_does() -> None:
    page = Client().get("/accounts/login/").content.decode()
    assert ">E-mail</label>" in page
    assert "Remember me" in page
