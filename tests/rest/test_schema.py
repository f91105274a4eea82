"""The OpenAPI document is valid, complete, open to all, and the answers are what it says."""

from base64 import b64encode
from typing import Any

import pytest
from django.core.management import call_command
from drf_spectacular.validation import validate_schema

from tests.rest.conftest import Program, Sample
from tests.rest.documented import check_shape, get_document
from tests.rest.operations import OPERATIONS, build_path
from tests.simulator.apns import make_authority

REFUSALS = {"401", "403", "503"}


def _list_operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, operations in get_document()["paths"].items()
        for method, operation in operations.items()
    ]


def test_document_is_valid_when_anybody_asks_for_it() -> None:
    assert get_document()["openapi"].startswith("3.1")
    validate: Any = validate_schema
    validate(get_document())


def test_document_has_no_warning_when_generated(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--fail-on-warn")
    assert "openapi: 3.1" in capsys.readouterr().out


def test_every_operation_says_what_it_answers_when_it_works_and_when_not() -> None:
    for path, method, operation in _list_operations():
        answers = operation["responses"]
        successes = [status for status in answers if status.startswith("2")]
        assert len(successes) == 1, (path, method)
        if successes[0] not in ("202", "204"):
            assert answers[successes[0]]["content"], (path, method)
        assert set(answers) >= REFUSALS, (path, method)
        assert operation["security"] == [{"apiKey": []}]
        if "{" in path:
            assert answers.keys() >= {"400", "404"}
        if "requestBody" in operation:
            assert "400" in answers
        assert operation["description"]


def test_no_text_in_a_query_may_be_empty_when_documented() -> None:
    parameters = {
        (path, parameter["name"]): parameter["schema"]
        for path, _, operation in _list_operations()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query" and parameter["schema"].get("type") == "string"
    }
    assert len(parameters) > 40
    for place, schema in parameters.items():
        assert schema.get("minLength") or {"enum", "format"} & set(schema), place


def _list_body_schemas() -> dict[str, dict[str, Any]]:
    schemas = get_document()["components"]["schemas"].items()
    answers = {"HeldRequest", "Request"}
    return {
        name: each for name, each in schemas if name.endswith("Request") and name not in answers
    }


def test_a_change_has_no_defaults_when_documented() -> None:
    changes = {name: each for name, each in _list_body_schemas().items() if "Patched" in name}
    assert len(changes) > 5
    for name, schema in changes.items():
        assert not [each for each in schema["properties"].values() if "default" in each], name


def test_every_default_is_a_value_that_is_taken_when_documented() -> None:
    for schema in get_document()["components"]["schemas"].values():
        for described in schema.get("properties", {}).values():
            if "default" in described:
                check_shape(described["default"], described)


def test_bodies_have_no_other_fields_when_documented() -> None:
    bodies = _list_body_schemas()
    assert len(bodies) > 100
    for name, schema in bodies.items():
        assert schema["additionalProperties"] is False, name


def test_what_may_be_sent_again_takes_a_key_when_documented() -> None:
    places = {
        path.removeprefix("/api/v1/")
        for path, _, operation in _list_operations()
        for parameter in operation.get("parameters", [])
        if (parameter["in"], parameter["name"]) == ("header", "Idempotency-Key")
    }
    commands = "devices/{id}/commands"
    assert places == {"enrollment/tokens", commands, f"{commands}/raw", "bulk-commands"}


def test_no_answer_has_a_numeric_key_when_documented() -> None:
    for name, schema in get_document()["components"]["schemas"].items():
        for member in ("id", "pk", "group", "device", "token", "session", "policy"):
            described = schema.get("properties", {}).get(member, {})
            assert described.get("type") not in ("integer", ["integer", "null"]), (name, member)


@pytest.mark.django_db
@pytest.mark.usefixtures("kept_sample")
@pytest.mark.parametrize(
    "operation", [name for name in OPERATIONS if name.startswith("GET") and "qr." not in name]
)
def test_answer_has_the_documented_shape_when_read(
    operation: str, administrator: Program, sample: Sample
) -> None:
    template = operation.removeprefix("GET ")
    answer = administrator.get(build_path(template, sample))
    assert answer.status_code == 200, answer.content


@pytest.mark.django_db
def test_a_push_certificate_is_answered_as_documented_when_it_is_imported(
    administrator: Program,
) -> None:
    pair = make_authority().issue_push_certificate("com.apple.mgmt.External.rest")
    answer = administrator.post(
        "push-certificate", {"certificate": b64encode(pair.pem).decode(), "accepted_loss": 1}
    )
    assert answer.status_code == 200, answer.content
    assert answer.json()["topic"] == "com.apple.mgmt.External.rest"


@pytest.mark.django_db
def test_refusal_has_the_documented_shape_when_input_is_bad(administrator: Program) -> None:
    answer = administrator.post("enrollment/tokens", {"max_uses": -1})
    assert answer.status_code == 400
    problem = answer.json()
    check_shape(problem, {"$ref": "#/components/schemas/Problem"})
    assert problem["code"] == "invalid"
    assert set(problem["errors"]) == {"name", "group", "max_uses"}
