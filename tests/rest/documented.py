"""What the OpenAPI document says of an answer: its status, its media type, its shape."""

import json
import re
from functools import cache
from typing import Any

import jsonschema  # type: ignore[import-untyped]
from django.test import Client

Schema = dict[str, Any]
FORMATS = jsonschema.FormatChecker(())


@FORMATS.checks("uri")
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or bool(re.match("[a-z]+:.", value))


@cache
def get_document() -> Schema:
    answer = Client().get("/api/v1/schema/")
    assert answer.status_code == 200
    document: Schema = json.loads(answer.content)
    return document


def check_answer(method: str, path: str, answer: Any) -> None:
    """Raise AssertionError where an operation answers what the document does not say.

    What stands at no address of the document, or is none of its methods, is not looked at.
    """
    operation = _find_operation(method, path)
    if operation is None:
        return
    status = str(answer.status_code)
    assert status in operation["responses"] or status == "500", (method, path, answer.content)
    described = operation["responses"].get(status, {}).get("content", {})
    media_type = answer.headers.get("Content-Type", "").partition(";")[0]
    if not described:
        return
    assert media_type in described, (method, path, media_type)
    if media_type == "application/json":
        check_shape(json.loads(answer.content), _find_schema(method, path, status))


def check_shape(value: Any, schema: Schema) -> None:
    _build_validator(json.dumps(schema)).validate(value)


def _find_operation(method: str, path: str) -> Schema | None:
    plain = f"/api/v1/{path.partition('?')[0]}"
    for pattern, operations in _list_patterns():
        if pattern.fullmatch(plain):
            found: Schema | None = operations.get(method.lower())
            return found
    return None


def _find_schema(method: str, path: str, status: str) -> Schema:
    operation = _find_operation(method, path) or {}
    schema: Schema = operation["responses"][status]["content"]["application/json"]["schema"]
    return schema


@cache
def _list_patterns() -> list[tuple[re.Pattern[str], Schema]]:
    """Those without a variable part first: `scep/profiles/fetch-ca` is no profile."""
    paths = sorted(get_document()["paths"].items(), key=lambda item: item[0].count("{"))
    return [
        (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), operations)
        for path, operations in paths
    ]


@cache
def _build_validator(schema: str) -> Any:
    components = get_document()["components"]
    validator: Any = jsonschema.Draft202012Validator
    return validator({**json.loads(schema), "components": components}, format_checker=FORMATS)
