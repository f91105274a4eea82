"""Short links: they lead to the page, say why they do not, and stand in no log or table."""

import json
from urllib.parse import quote, urlsplit

import pytest
import segno
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from enrollment.models import EnrollmentSession, EnrollmentToken, LogEntry
from enrollment.services.bootstrap import rotate_signing_key
from enrollment.services.child_tokens import create_child_token
from enrollment.services.short_links import build_short_url
from enrollment.services.token_texts import build_enrollment_url
from enrollment.services.tokens import revoke_token
from enrollment.views import door
from organization.models import AuditEntry
from tests.enrollment.conftest import MakeToken

pytestmark = pytest.mark.django_db


def get_path(token: EnrollmentToken) -> str:
    return urlsplit(build_short_url(token)).path


@pytest.mark.parametrize("method", ["get", "head"])
def test_short_link_leads_to_the_enrollment_url_and_changes_nothing(
    client: Client, make_token: MakeToken, method: str
) -> None:
    token = make_token(max_uses=1)
    answer = getattr(client, method)(get_path(token))
    assert (answer.status_code, answer["Location"]) == (303, build_enrollment_url(token))
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    token.refresh_from_db()
    counts = (token.use_count, EnrollmentSession.objects.count(), LogEntry.objects.count())
    assert counts == (0, 0, 0)


def test_short_link_works_when_it_was_typed_in_capitals(
    client: Client, make_token: MakeToken
) -> None:
    code = get_path(make_token()).removeprefix("/e/")
    assert client.get(f"/e/{code.upper()}").status_code == 303


def test_links_work_when_a_slash_was_added(client: Client, make_token: MakeToken) -> None:
    token = make_token()
    assert client.get(f"{get_path(token)}/").status_code == 303
    link = urlsplit(build_enrollment_url(token))
    answer = client.get(f"{link.path}/?{link.query}")
    assert answer.status_code == 200
    assert "/enroll?token=" in build_enrollment_url(token)


@pytest.mark.parametrize("wrap", ["{}.", "({})", "<{}>", "{} ", "\u200b{}", "“{}”,"])
def test_link_works_when_the_text_around_it_became_part_of_it(
    client: Client, make_token: MakeToken, wrap: str
) -> None:
    token = make_token()
    front, code = get_path(token).rsplit("/", 1)
    answer = client.get(f"{front}/{quote(wrap.format(code))}")
    assert answer["Location"] == build_enrollment_url(token)


def test_each_token_has_its_own_link_and_keeps_it(make_token: MakeToken) -> None:
    first, second = make_token(), make_token()
    link = build_short_url(first)
    rotate_signing_key(actor="tests")
    assert build_short_url(EnrollmentToken.objects.get(pk=first.pk)) == link
    child = create_child_token(
        first, name="c", expires_at=timezone.now(), actor="a", now=timezone.now()
    )
    assert len({link, build_short_url(second), build_short_url(child)}) == 3


def test_no_code_is_stored_when_links_were_shown_and_opened(
    client: Client, make_token: MakeToken
) -> None:
    """A copy of the database gives nobody a working link."""
    token = make_token()
    path = get_path(token)
    client.get(path)
    revoke_token(token, actor="a")
    client.get(path)
    code = path.removeprefix("/e/")
    rows = [
        *EnrollmentToken.objects.values(), *LogEntry.objects.values(), *AuditEntry.objects.values()
    ]  # fmt: skip
    assert LogEntry.objects.exists()
    assert code not in json.dumps(rows, default=str)


@pytest.mark.parametrize("state", ["expired", "exhausted", "revoked"])
def test_page_says_why_when_the_link_of_a_dead_token_is_opened(
    client: Client, make_token: MakeToken, state: str
) -> None:
    token = make_token(expires=-1 if state == "expired" else 1, max_uses=1)
    path = get_path(token)
    if state == "exhausted":
        EnrollmentToken.objects.filter(pk=token.pk).update(use_count=1)
    if state == "revoked":
        revoke_token(token, actor="tests")
    answer = client.get(path)
    assert answer.status_code == 410
    assert f"token_{state}" in answer.content.decode()
    assert LogEntry.objects.get().token == token


@pytest.mark.parametrize("code", ["abcdefghijkmnp", "x", "eyJhbGciOiJSUzI1NiJ9", "a\0b", "ÄÖÜ"])
def test_page_says_to_check_the_typing_when_nobody_has_the_code(
    client: Client, make_token: MakeToken, code: str
) -> None:
    build_short_url(make_token())
    answer = client.get(f"/e/{code}")
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "<h1>No enrollment link has this address</h1>" in page
    assert "<p>Check what you typed.</p>" in page
    entry = LogEntry.objects.get()
    assert (entry.code, entry.token, entry.detail["path"]) == ("short_link_unknown", None, "/e/")


def test_guessing_is_slowed_down_when_an_address_goes_on(
    client: Client, bootstrapped: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()
    monkeypatch.setattr(door, "REFUSAL_LIMIT", 2)
    statuses = [client.get(f"/e/{'a' * 14}").status_code for _ in range(3)]
    assert statuses == [404, 404, 429]
    cache.clear()


def test_qr_code_is_small_when_it_holds_the_short_link(make_token: MakeToken) -> None:
    code = get_path(make_token()).removeprefix("/e/")
    longest = f"https://{'m' * 28}/e/{code}"
    assert segno.make_qr(longest, error="l", boost_error=False).version == 3
