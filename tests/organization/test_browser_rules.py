"""What browsers are told: no cookie for scripts, no foreign script and no frame for pages."""

import pytest
from django.test import Client

from organization.services.administrators import create_administrator

pytestmark = pytest.mark.django_db
LOGIN, PASSWORD = "/accounts/login/", "correct horse battery"


@pytest.fixture
def browser() -> Client:
    create_administrator("ada@example.com", password=PASSWORD)
    client = Client()
    client.get(LOGIN)
    answer = client.post(LOGIN, {"login": "ada@example.com", "password": PASSWORD})
    assert answer.status_code == 302
    return client


@pytest.mark.parametrize("name", ["sessionid", "csrftoken"])
def test_cookie_is_shown_to_no_script_and_sent_from_no_other_site_when_somebody_signs_in(
    browser: Client, name: str
) -> None:
    cookie = browser.cookies[name]
    assert (cookie["httponly"], cookie["samesite"], cookie["domain"]) == (True, "Lax", "")


@pytest.mark.parametrize("path", [LOGIN, "/console/", "/console/nothing", "/enroll?token=nonsense"])
def test_page_runs_its_own_scripts_alone_and_in_no_frame_when_a_browser_shows_it(
    browser: Client, path: str
) -> None:
    client = Client() if path == LOGIN else browser
    headers = client.get(path, headers={"Accept": "text/html"}).headers
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] in ("same-origin", "no-referrer")
    policy = dict(
        rule.strip().split(" ", 1) for rule in headers["Content-Security-Policy"].split(";")
    )
    for name in ("default-src", "script-src", "style-src", "form-action"):
        assert policy[name] == "'self'", name
    for name in ("frame-ancestors", "object-src", "base-uri"):
        assert policy[name] == "'none'", name
