"""Addresses that people type."""

from typing import Any

import pytest
from django.test import Client


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("/console", "/console/"),
        ("/console/devices", "/console/devices/"),
        ("/console/enrollment/ota/tokens", "/console/enrollment/ota/tokens/"),
    ],
)
def test_page_is_found_when_its_last_slash_is_left_out(
    client: Client, db: None, typed: str, found: str
) -> None:
    answer = client.get(typed)
    assert (answer.status_code, answer.headers["Location"]) == (302, found)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/mdm/checkin/", 404),
        ("/mdm/connect/", 404),
        ("/scep/scep_x/", 405),
    ],  # as without the slash
)
def test_device_is_never_redirected(client: Client, db: None, path: str, status: int) -> None:
    assert client.put(path, b"", content_type="application/xml").status_code == status


@pytest.mark.parametrize("page", ["signup", "email", "password/reset"])
def test_page_is_missing_when_only_the_library_offers_it(
    client: Client, db: None, page: str
) -> None:
    assert client.get(f"/accounts/{page}/").status_code == 404
    assert client.post(f"/accounts/{page}/", {"email": "a@example.com"}).status_code == 404


@pytest.mark.parametrize("path", ["/console/", "/enroll", "/enroll/ca.pem", "/api/v1/organization"])
def test_request_is_refused_when_it_names_a_foreign_host(
    client: Client, db: None, path: str
) -> None:
    assert client.get(path, headers={"Host": "evil.example"}).status_code == 400


def test_the_console_is_offered_to_nobody_when_a_strangers_page_is_missing(
    client: Client, db: None
) -> None:
    page = client.get("/enrol").content.decode()
    assert "There is no such page" in page
    assert 'href="/console/' not in page
    assert "open the whole link again" in page


def test_the_way_back_is_offered_when_a_page_of_the_console_is_missing(
    client: Client, django_user_model: Any
) -> None:
    client.force_login(django_user_model.objects.create(email="ada@example.com"))
    for path in ("/console/devices/dev_gone", "/enrol"):
        page = client.get(path).content.decode()
        assert '<a class="btn" href="/console/">' in page
