"""Bodies: JSON that every database column can hold, of a bounded size and depth."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

from organization.protocol.json_check import JsonRefused
from organization.protocol.json_check import check_json as check_document


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


class EncodingUnsupported(APIException):
    status_code = 415
    default_detail = "a body with a Content-Encoding is not taken: send it as it is"
    default_code = "unsupported_content_encoding"


class TextRefused(ParseError):
    """A value that is not stored; `field` says where in the body."""

    def __init__(self, refusal: JsonRefused) -> None:
        super().__init__(str(refusal))
        self.field = refusal.field


class StrictJSONParser(BaseParser):
    """UTF-8 JSON without double names, NaN, control characters, lone surrogates, 65-bit numbers,
    deep nesting.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            text = read_body(stream, parser_context=parser_context).decode()
            value = json.loads(text, object_pairs_hook=_build_object)
        except JsonRefused as refusal:
            raise TextRefused(refusal) from refusal
        except (ValueError, RecursionError) as error:
            raise ParseError("the body is not JSON in UTF-8") from error
        check_json(value)
        return value


def _build_object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a name that is given twice, one reader would take the first and another the last."""
    value = dict(members)
    if len(value) != len(members):
        raise JsonRefused("an object has two members of the same name")
    return value


def check_json(root: Any) -> None:
    """Raises ParseError for what a database would choke on."""
    try:
        check_document(root, is_typed=True)
    except JsonRefused as refusal:
        raise TextRefused(refusal) from refusal
