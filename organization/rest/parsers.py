"""Bodies: JSON that every database column can hold, of a bounded size and depth."""

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

MAX_DEPTH = 32
MAX_INTEGER = 2**63


class BodyTooLarge(APIException):
    status_code = 413
    default_detail = "the body is too large"
    default_code = "body_too_large"


def read_body(stream: IO[bytes], *, parser_context: Mapping[str, Any] | None) -> bytes:
    """Return the whole body; raises BodyTooLarge before reading one that says it is."""
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    check_length(parser_context)
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise BodyTooLarge
    return body


def check_length(parser_context: Mapping[str, Any] | None) -> None:
    """Raise BodyTooLarge by the Content-Length alone."""
    length = parser_context["request"].META.get("CONTENT_LENGTH") if parser_context else None
    if length and length.isdigit() and int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise BodyTooLarge


class StrictJSONParser(BaseParser):
    """UTF-8 JSON without NaN, NUL characters, lone surrogates, 65-bit numbers, deep nesting."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            value = json.loads(read_body(stream, parser_context=parser_context).decode())
        except (ValueError, RecursionError) as error:
            raise ParseError("the body is not JSON in UTF-8") from error
        check_json(value)
        return value


def check_json(root: Any) -> None:
    """Walk a decoded value; raises ParseError for what a database would choke on."""
    pending = [(root, 0)]
    while pending:
        value, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise ParseError(f"the body is nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, dict):
            pending += [(part, depth + 1) for member in value.items() for part in member]
        elif isinstance(value, list):
            pending += [(part, depth + 1) for part in value]
        else:
            _check_scalar(value)


def _check_scalar(value: Any) -> None:
    if isinstance(value, str) and ("\0" in value or not _is_encodable(value)):
        raise ParseError("a text holds a NUL character or half a surrogate pair")
    if isinstance(value, int) and not -MAX_INTEGER <= value < MAX_INTEGER:
        raise ParseError("a number is too large")
    if isinstance(value, float) and not math.isfinite(value):
        raise ParseError("a number is not finite")


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
