import pytest

from organization.models import Administrator
from organization.services.administrators import create_administrator

pytestmark = pytest.mark.django_db
LOGIN, SIGN_UP, CHANGE = "/accounts/login/", "/accounts/signup/", "/accounts/password/change/"
TRIES = 12


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
