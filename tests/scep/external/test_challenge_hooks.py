"""One-time challenges of external servers: NDES's admin page, and JSON."""

import json
from typing import Any

import pytest

from scep.errors import ProfileInvalid, ServerUnreachable
from scep.models import ScepProfile
from scep.protocol.subject_template import SubjectAttributes
from scep.services.challenge_hooks import fetch_challenge
from scep.services.outbound import fetch as call
from scep.services.profiles import create_scep_profile, update_scep_profile
from tests.scep.external.scep_server import NDES_PAGE, PASSWORD, TOKEN, USER, ScepServer
from tests.scep.external.tls_server import Reply, WebServer

pytestmark = pytest.mark.django_db
WHO = SubjectAttributes(serial="C02XYZ", session="ses_1", organization="Example Org")


@pytest.fixture
def ndes(values: dict[str, Any], outside: WebServer) -> ScepProfile:
    return make(
        values,
        hook_type="ndes",
        hook_url=f"{outside.url}/certsrv/mscep_admin/",
        hook_username=USER,
        hook_password=PASSWORD,
    )


@pytest.fixture
def by_json(values: dict[str, Any], outside: WebServer) -> ScepProfile:
    return make(
        values, hook_type="json", hook_url=f"{outside.url}/challenge?v=1", hook_password=TOKEN
    )


def make(values: dict[str, Any], **hook: Any) -> ScepProfile:
    dynamic = {"challenge_type": "dynamic", "static_challenge": None}
    return create_scep_profile(actor="tests", **(values | dynamic | hook))


def fetch(profile: ScepProfile) -> str:
    return fetch_challenge(profile, session_id="ses_1", attributes=WHO)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8", "utf-8-sig"])
def test_challenge_is_read_off_ndes_page_when_written_in_any_encoding(
    ndes: ScepProfile, stranger: ScepServer, encoding: str
) -> None:
    stranger.encoding = encoding
    assert {fetch(ndes), fetch(ndes)} == stranger.challenges
    assert len(stranger.challenges) == 2


def test_challenge_is_read_off_ndes_page_when_translated(
    ndes: ScepProfile, stranger: ScepServer
) -> None:
    stranger.page = NDES_PAGE.replace(
        "The enrollment challenge password is", "Das Kennwort für die Anforderung lautet"
    )
    assert {fetch(ndes)} == stranger.challenges


@pytest.mark.parametrize(
    ("page", "cause"),
    [
        ("<HTML>The password cache is full.</HTML>", "cache is full"),
        ("You do not have sufficient permission to enroll with SCEP.", "may not enroll"),
        ("<HTML>Hello</HTML>", "no challenge"),
        ("<B> AAAAAAAAAAAAAAAA </B><B> BBBBBBBBBBBBBBBB </B>", "no challenge"),
        ("", "no challenge"),
    ],
)
def test_cause_is_named_when_ndes_gives_no_challenge(
    ndes: ScepProfile, stranger: ScepServer, page: str, cause: str
) -> None:
    stranger.page = page
    with pytest.raises(ServerUnreachable, match=cause):
        fetch(ndes)


def test_json_hook_is_told_for_whom_when_asked(
    by_json: ScepProfile, stranger: ScepServer, outside: WebServer
) -> None:
    assert {fetch(by_json)} == stranger.challenges
    (request,) = stranger.requests
    assert (request["session"], request["scep_profile"]) == ("ses_1", by_json.public_id)
    assert request["attributes"]["serial"] == "C02XYZ"
    asked = outside.asked[-1]
    assert (asked.method, asked.path) == ("POST", "/challenge?v=1")
    assert asked.headers["Content-Type"] == "application/json"


def test_json_hook_gets_basic_credentials_when_there_is_a_user_name(
    values: dict[str, Any], outside: WebServer
) -> None:
    url = f"{outside.url}/challenge"
    profile = make(
        values, hook_type="json", hook_url=url, hook_username="me", hook_password="secret"
    )
    with pytest.raises(ServerUnreachable, match="refuses the user name"):
        fetch(profile)
    assert outside.asked[-1].headers["Authorization"] == "Basic bWU6c2VjcmV0"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"challenge",
        b"[]",
        b"null",
        b'{"password": "x"}',
        b'{"challenge": 1}',
        b'{"challenge": ""}',
        b'{"challenge": "a\\u0000b"}',
        json.dumps({"challenge": "x" * 256}).encode(),
        b"[" * 100_000,
        b"\xff\xfe",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_profile_gets_no_challenge_when_the_json_is_wrong(
    by_json: ScepProfile, outside: WebServer, body: bytes
) -> None:
    outside.answer = lambda _: Reply(200, body)
    with pytest.raises(ServerUnreachable):
        fetch(by_json)


@pytest.mark.parametrize("status", [204, 302, 401, 403, 404, 500])
def test_no_challenge_and_no_secret_comes_out_when_the_hook_fails(
    by_json: ScepProfile, outside: WebServer, status: int
) -> None:
    outside.answer = lambda _: Reply(status, json.dumps({"challenge": "leaked"}).encode())
    with pytest.raises(ServerUnreachable) as caught:
        fetch(by_json)
    assert TOKEN not in str(caught.value)
    assert "leaked" not in str(caught.value)


@pytest.mark.parametrize("space", [" ", "\n", "\r\n"])
def test_a_pasted_bearer_token_is_sent_without_the_space_around_it(
    by_json: ScepProfile, stranger: ScepServer, space: str
) -> None:
    update_scep_profile(by_json, actor="tests", hook_password=f"{TOKEN}{space}")
    assert fetch(by_json) in stranger.challenges


@pytest.mark.parametrize("token", ["tökén", "two secret-words", "secret\0word", "secret\x7fword"])
def test_no_token_is_told_when_no_header_can_hold_it(by_json: ScepProfile, token: str) -> None:
    """Neither where it is set, nor of one that was set before that was looked at."""
    with pytest.raises(ProfileInvalid, match="bearer token") as refused:
        update_scep_profile(by_json, actor="tests", hook_password=token)
    by_json.hook_password = token.encode()
    with pytest.raises(ServerUnreachable, match="bearer token") as caught:
        fetch(by_json)
    for error in (refused, caught):
        assert not [word for word in ("kén", "secret") if word in str(error.value)]
    update_scep_profile(by_json, actor="tests", hook_username="mdm", hook_password=token)


def test_no_header_is_quoted_when_a_request_cannot_be_made(outside: WebServer) -> None:
    with pytest.raises(ServerUnreachable) as caught:
        call(outside.url, headers={"Authorization": "Bearer secret\n"})
    assert "secret" not in str(caught.value)


def test_hook_password_is_sealed_when_stored(by_json: ScepProfile) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT hook_password FROM scep_scepprofile WHERE name = 'External'")
        stored = bytes(cursor.fetchone()[0])
    assert TOKEN.encode() not in stored
    assert len(stored) > len(TOKEN)
