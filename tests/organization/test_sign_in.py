import pytest
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.test import Client

from organization.models import Administrator
from organization.services.administrators import (
    create_administrator,
    reset_password,
    update_administrator,
)

pytestmark = pytest.mark.django_db
LOGIN, SIGN_UP, CHANGE = "/accounts/login/", "/accounts/signup/", "/accounts/password/change/"
SECOND = "/accounts/2fa/authenticate/"
PASSWORD, SECRET = "correct horse battery", "JBSWY3DPEHPK3PXP"
TRIES = 12


def build_code():
    return format_hotp_value(hotp_value(SECRET, next(yield_hotp_counters_from_time())))


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


def deactivate(ada):
    for is_active in (False, True):
        update_administrator(ada, name="", role="operator", is_active=is_active, actor="manage.py")


@pytest.mark.parametrize("change", [deactivate, lambda ada: reset_password(ada, actor="manage.py")])
def test_a_sign_in_is_not_completed_when_its_first_proof_is_worth_nothing_any_more(client, change):
    ada, _ = create_administrator("ada@example.com", password=PASSWORD, role="operator")
    TOTP.activate(ada, SECRET)
    assert sign_in(client, ada.email, PASSWORD)["Location"] == SECOND
    change(ada)
    assert client.post(SECOND, {"code": build_code()})["Location"] == LOGIN
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
