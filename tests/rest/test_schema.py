"""The OpenAPI document is valid, complete, open to all, and the answers are what it says."""

import json
import re
from functools import cache
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from django.core.management import call_command
from django.test import Client
from drf_spectacular.validation import validate_schema

from tests.rest.conftest import Program, Sample
from tests.rest.operations import OPERATIONS, build_path

REFUSALS = {"401", "403", "503"}


@cache
def get_document() -> dict[str, Any]:
    answer = Client().get("/api/v1/schema/")
    assert answer.status_code == 200
    document: dict[str, Any] = json.loads(answer.content)
    return document


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
    path = "/api/v1/" + re.sub(r"{\w+}", "{id}", template)
    responses = get_document()["paths"][path]["get"]["responses"]
    _check_shape(answer.json(), responses["200"]["content"]["application/json"]["schema"])


@pytest.mark.django_db
def test_refusal_has_the_documented_shape_when_input_is_bad(administrator: Program) -> None:
    answer = administrator.post("enrollment/tokens", {"max_uses": -1})
    assert answer.status_code == 400
    problem = answer.json()
    _check_shape(problem, {"$ref": "#/components/schemas/Problem"})
    assert problem["code"] == "invalid"
    assert set(problem["errors"]) == {"name", "group", "max_uses"}


def _check_shape(value: Any, schema: dict[str, Any]) -> None:
    components = get_document()["components"]
    validator: Any = jsonschema.Draft202012Validator
    validator({**schema, "components": components}, format_checker=FORMATS).validate(value)


FORMATS = jsonschema.FormatChecker(())


@FORMATS.checks("uri")
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or bool(re.match("[a-z]+:.", value))
