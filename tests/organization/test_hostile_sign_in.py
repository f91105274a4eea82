"""What no browser sends to the doors of the sign-in: refused, and no internal error."""

import base64
import json
import os
from typing import Any

import pytest
from django.test import Client

from organization.services.administrators import create_administrator
from tests.organization.test_sign_in import LOGIN, PASSKEY, PASSWORD

pytestmark = pytest.mark.django_db
ADD = "/accounts/2fa/webauthn/add/"


def build_client() -> Client:
    return Client(REMOTE_ADDR=f"2001:db8:{os.urandom(2).hex()}::1")


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def build_answer(handle: Any = "MQ", **changes: Any) -> dict[str, Any]:
    """A passkey's answer, well-formed but for `changes`."""
    said = {"type": "webauthn.get", "challenge": encode(b"x" * 32), "origin": "http://testserver"}
    response = {
        "clientDataJSON": encode(json.dumps(said).encode()),
        "authenticatorData": encode(bytes(37)),
        "signature": encode(bytes(8)),
        "userHandle": handle,
    }
    name = encode(bytes(16))
    return {"id": name, "rawId": name, "type": "public-key", "response": response | changes}


HANDLES: tuple[Any, ...] = (None, 7, [], {}, "!!")
ANSWERS: tuple[Any, ...] = ([], None, 7, "x", {"id": "x"}, {"response": []})
MALFORMED = [
    *(json.dumps(build_answer(encode(each))) for each in (b"z" * 13, b"-1", b"\0", b"\xff", b"")),
    *(json.dumps(build_answer(each)) for each in HANDLES),
    *(json.dumps(each) for each in ANSWERS),
    json.dumps(build_answer(clientDataJSON=encode(b"[]"))),
    json.dumps(build_answer(authenticatorData=encode(b"\xff" * 60))),
    json.dumps(build_answer(signature=None)),
    *("", "{", "NaN", '"\\u0000"', "[" * 20_000, "[" * 200_000),
]


@pytest.mark.parametrize("answer", MALFORMED, ids=range(len(MALFORMED)))
def test_a_passkeys_answer_is_refused_when_no_passkey_gives_it(answer: str) -> None:
    client = build_client()
    client.get(PASSKEY, headers={"Accept": "application/json"})
    assert client.post(PASSKEY, {"credential": answer})["Location"] == LOGIN


@pytest.mark.parametrize("answer", ["[]", '{"id": "x"}', "[" * 20_000, json.dumps(build_answer())])
def test_no_passkey_is_added_when_none_was_made(answer: str) -> None:
    create_administrator("ada@example.com", password=PASSWORD)
    client = build_client()
    client.post(LOGIN, {"login": "ada@example.com", "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.get(ADD)
    assert client.post(ADD, {"name": "Mine", "credential": answer}).status_code == 200
    assert "Mine" not in client.get("/accounts/2fa/webauthn/").content.decode()


@pytest.mark.parametrize("path", ["\0", "adm_x\0/edit", "\0/reset"])
def test_nothing_is_found_under_a_name_that_no_database_takes(path: str) -> None:
    create_administrator("ada@example.com", password=PASSWORD)
    client = build_client()
    client.post(LOGIN, {"login": "ada@example.com", "password": PASSWORD})
    assert client.get(f"/console/system/administrators/{path}").status_code == 404
