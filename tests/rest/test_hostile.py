"""Whatever a program sends, it gets a 4xx in the one shape, and nothing is changed by it."""

import json
import re
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client

from organization.models import AuditEntry
from organization.rest.errors import answer_error
from tests.rest.conftest import Program, Sample
from tests.rest.documented import get_document
from tests.rest.operations import LISTS, OPERATIONS, build_path

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]

WRITES = [name for name in OPERATIONS if name.startswith(("POST", "PATCH", "PUT"))]
WITHOUT_BODY = (
    "revoke",
    "/push",
    "/csr",
    "/cancel",
    "/reveal",
    "/roll-secret",
    "/send-again",
    "/test",
    "/check",
    "/approve",
    "/reject",
    "/activate",
    "doctor",
)
VALUES: list[Any] = [
    None, True, -1, 0, 1.5, 2**31, 2**62, -(2**62), "", " ", "x" * 100_000, "\u202e", "' OR 1=1 --",
    "grp_" + "a" * 20, [], [[]], [None], [{}], {}, {"a": {"b": 1}}, ["x"] * 5000,
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00", "NaN", "never", "<script>", "{{7*7}}", "/etc/passwd",
]  # fmt: skip
# Of another type they are refused before a database is asked, and one of them is enough for that.
FOR_EACH_DATABASE = (-1, 0, 1.5, 2**31, 2**62, -(2**62), "x" * 100_000, "NaN")
BODIES = {
    "empty": b"",
    "not JSON": b"{",
    "not UTF-8": b'{"name": "\xff"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "NaN": b'{"max_uses": NaN}',
    "infinite": b'{"max_uses": 1e999}',
    "huge number": b'{"max_uses": ' + b"9" * 10_000 + b"}",
    "65 bits": b'{"max_uses": 18446744073709551616}',
    "NUL": b'{"name": "a\\u0000b"}',
    "NUL in a key": b'{"parameters": {"a\\u0000": 1}, "request_type": "ProfileList"}',
    "a control character": b'{"name": "a\\u0007b"}',
    "no character": b'{"name": "a\\uffffb"}',
    "half a pair": b'{"name": "\\ud800"}',
    "deep list": b'{"name": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "deep object": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "a name twice": b'{"name": "a", "name": "b"}',
    "33 levels": b'{"parameters":' + b"[" * 40 + b"]" * 40 + b"}",
}


def test_the_media_type_is_told_when_another_was_sent(operator: Program) -> None:
    data = {"data": b"name=x", "content_type": "application/x-www-form-urlencoded"}
    answer = operator.send("POST", "groups", **data)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "Say Content-Type: application/json." in answer.json()["detail"]


def _check_refusal(answer: Any) -> None:
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.content[:300])
    problem = answer.json()
    assert set(problem) <= {"code", "detail", "errors"}
    assert isinstance(problem["code"], str)
    assert isinstance(problem["detail"], str)
    assert len(answer.content) < 20_000


@pytest.mark.parametrize("operation", WRITES)
def test_body_is_refused_when_unreadable(
    operation: str, administrator: Program, sample: Sample
) -> None:
    method, _, template = operation.partition(" ")
    path = build_path(template, sample)
    for name, body in BODIES.items():
        answer = administrator.send(method, path, data=body, content_type="application/json")
        if template.endswith(WITHOUT_BODY) or (method == "PATCH" and body == b""):
            assert answer.status_code < 500, name
        else:
            _check_refusal(answer)


@pytest.mark.parametrize("operation", WRITES)
def test_answer_is_no_server_error_when_fields_are_nonsense(
    operation: str, administrator: Program, sample: Sample
) -> None:
    method, _, template = operation.partition(" ")
    path, fields = build_path(template, sample), _list_fields(operation)
    for value in VALUES if connection.vendor == "postgresql" else FOR_EACH_DATABASE:
        answer = administrator.send(method, path, dict.fromkeys(fields, value))
        _check_no_server_error(answer)
        # What it is refused for it is refused for alone; the others hide what comes after that.
        refused = _list_refused(answer)
        for name in (name for name in fields if name not in refused):
            answer = administrator.send(method, path, {**_valid(template), name: value})
            _check_no_server_error(answer)


def _check_no_server_error(answer: Any) -> None:
    assert answer.status_code < 500, (answer.wsgi_request, answer.content[:300])
    if answer.status_code >= 400:
        _check_refusal(answer)


def _list_refused(answer: Any) -> set[str]:
    errors = answer.json().get("errors", {}) if answer.status_code == 400 else {}
    return {name.partition(".")[0] for name in errors}


def _list_fields(operation: str) -> list[str]:
    """Return the members of the operation's JSON body, as the OpenAPI document has them."""
    method, _, template = operation.partition(" ")
    path = "/api/v1/" + re.sub(r"{(?!item|secret|delivery)\w+}", "{id}", template)
    body = get_document()["paths"][path][method.lower()].get("requestBody")
    if body is None or "application/json" not in body["content"]:
        return ["name"]
    schema = body["content"]["application/json"]["schema"]
    components = get_document()["components"]["schemas"]
    names = [each["$ref"].rpartition("/")[2] for each in schema.get("oneOf", [schema])]
    return list(dict.fromkeys(field for name in names for field in components[name]["properties"]))


def _valid(template: str) -> dict[str, Any]:
    if template.endswith("commands"):
        return {"request_type": "DeviceLock", "parameters": {"message": "hello"}}
    if template.endswith("items"):
        return {"name": "App", "app": {"itunes_store_id": 1}}
    return {"name": "A name"}


ODD = ["\0", "%", "_", "\\", "'", '"', "x" * 201, "a " * 100, "\U0001f600", "\u202e", "(", "0x"]


@pytest.mark.parametrize("template", LISTS)
def test_search_is_harmless_when_odd(template: str, administrator: Program, sample: Sample) -> None:
    path = build_path(template, sample)
    for value in ODD:
        for parameter in ("search", "name", "state", "created_before", "group", "token", "cursor"):
            assert administrator.get(path, **{parameter: value}).status_code < 500


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "now", "2020", "-1", "1e9", "\0"],
)
def test_moment_is_harmless_when_odd(moment: str, auditor: Program) -> None:
    for path, parameter in (
        ("enrollment/log", "created_after"),
        ("enrollment/log", "created_before"),
        ("devices", "seen_before"),
        ("scep/certificates", "expires_before"),
    ):
        assert auditor.get(path, **{parameter: moment}).status_code < 500


@pytest.mark.parametrize(
    "path",
    [
        "devices/1",
        "devices/dev_",
        "devices/dev_%00",
        "devices/dev_none",
        "devices/dev_none/commands",
        "devices/dev_none/timeline",
        "devices/dev_none/policy-status",
        "devices/../organization",
        "devices/%2e%2e/organization",
        "enrollment/tokens/1",
        "enrollment/tokens/00000000-0000-0000-0000-000000000000",
        "enrollment/tokens/------------------------------------",
        "enrollment/log/1",
        "groups/grp_' OR 1=1",
        "policies/pol_" + "a" * 5000,
        "policies/pol_none/items",
        "nothing",
        "devices/",
    ],
)
def test_answer_is_404_when_there_is_no_such_row(path: str, administrator: Program) -> None:
    answer = administrator.get(path)
    assert answer.status_code in (404, 405)
    assert answer.json()["code"] in ("not_found", "method_not_allowed")


def test_answer_is_404_in_json_when_nobody_posts_to_no_address(nobody: Program) -> None:
    answer = nobody.post("nothing", {})
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_method_is_refused_when_unknown_to_the_collection(
    method: str, administrator: Program
) -> None:
    answer = administrator.send(method, "organization", {})
    _check_refusal(answer)
    assert answer.status_code == 405


def test_body_is_refused_when_of_another_type(administrator: Program) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "nonsense", "a/b;c=;"):
        answer = administrator.send("POST", "groups", data=b"name=x", content_type=content_type)
        assert answer.status_code == 415
        _check_refusal(answer)


def test_body_is_refused_unread_when_too_large(administrator: Program, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = administrator.post("groups", {"name": "x", "description": "y" * 1000})
    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"


def test_answer_is_json_when_accept_asks_for_another_format(auditor: Program) -> None:
    for accept in ("text/html", "application/xml", "nonsense", ""):
        answer = auditor.client.get(
            "/api/v1/organization", headers={**auditor.headers, "Accept": accept}
        )
        assert answer.status_code == 200
        assert json.loads(answer.content)["id"].startswith("org_")


def test_nothing_is_written_when_input_is_refused(administrator: Program, sample: Sample) -> None:
    before = AuditEntry.objects.count()
    administrator.post("enrollment/tokens", {"name": "x", "group": "grp_none"})
    administrator.post("policies", {"name": "x", "groups": ["grp_none"]})
    administrator.patch(f"devices/{sample.device.public_id}", {"name": "x", "group": "grp_none"})
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize("path", ["", "nothing", "devices/a%0Ab", "devices/%0A", "groups/"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_address_that_is_none_is_answered_in_the_one_shape(
    method: str, path: str, administrator: Program
) -> None:
    answer = administrator.send(method, path)
    assert answer.status_code == 404
    _check_refusal(answer)


def test_address_of_the_interface_itself_tells_where_its_document_is(client: Client) -> None:
    answer = client.get("/api/v1")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
    assert "/api/v1/docs/" in answer.json()["detail"]


def test_methods_that_are_told_are_those_that_are_answered(administrator: Program) -> None:
    answer = administrator.send("OPTIONS", "groups")
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, POST, HEAD"


def test_request_is_refused_when_it_has_thousands_of_parameters(auditor: Program) -> None:
    answer = auditor.get("devices?" + "a=b&" * 2000)
    assert answer.status_code == 400
    _check_refusal(answer)


@pytest.mark.parametrize("path", ["devices", "schema/", "nothing"])
def test_request_is_refused_in_json_when_it_names_a_foreign_host(
    path: str, auditor: Program
) -> None:
    answer = auditor.send("GET", path, HTTP_HOST="evil.example")
    assert answer.status_code == 400
    _check_refusal(answer)


@pytest.mark.parametrize("path", ["schema/", "docs/"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_document_is_refused_in_json_when_somebody_writes_to_it(
    method: str, path: str, administrator: Program
) -> None:
    administrator.client = Client(enforce_csrf_checks=True)
    answer = administrator.send(method, path)
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, HEAD"
    _check_refusal(answer)


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_program_is_asked_to_come_again_when_the_connection_to_the_database_is_gone(
    kind: type[Exception],
) -> None:
    answer = answer_error(kind("connection already closed"), {})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.data["code"] == "database_unavailable"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("enrollment/tokens", {"name": 0}, "name"),
        ("enrollment/tokens", {"name": 1.5}, "name"),
        ("enrollment/tokens", {"hold_for_approval": 0}, "hold_for_approval"),
        ("enrollment/tokens", {"hold_for_approval": "no"}, "hold_for_approval"),
        ("enrollment/tokens", {"max_uses": "5"}, "max_uses"),
        ("enrollment/tokens", {"allowed_serials": ["C02XYZ", 7]}, "allowed_serials.1"),
        ("groups", {"description": 0}, "description"),
        (
            "policies/{policy}/items",
            {"app": {"itunes_store_id": "361309726"}},
            "app.itunes_store_id",
        ),
    ],
)
def test_value_is_refused_when_it_has_another_type_than_the_document_says(
    path: str, body: dict[str, Any], field: str, administrator: Program, sample: Sample
) -> None:
    """A flag that was sent as "no" was false, and one that was sent as "on" was true."""
    rest = {"group": sample.group.public_id} if path.endswith("tokens") else {}
    answer = administrator.post(build_path(path, sample), {"name": "A name", **rest, **body})
    _check_refusal(answer)
    assert set(answer.json()["errors"]) == {field}


def test_flag_is_taken_when_it_is_one(administrator: Program, sample: Sample) -> None:
    body = {"name": "A", "group": sample.group.public_id, "hold_for_approval": True, "max_uses": 5}
    answer = administrator.post("enrollment/tokens", body)
    assert (answer.status_code, answer.json()["hold_for_approval"]) == (201, True)
