"""Configuration profiles as they are: a body of Apple's type, or a file in a form."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser, MultiPartParser

from organization.rest.parsers import check_json, check_length, read_body


class ProfileParser(BaseParser):
    """The body is the .mobileconfig itself; decodes to bytes."""

    media_type = "application/x-apple-aspen-config"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return read_body(stream, parser_context=parser_context)


class BoundedMultiPartParser(MultiPartParser):
    """A form no larger than a JSON body may be, its texts as clean."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Any = None,
    ) -> Any:
        check_length(parser_context)
        form = super().parse(stream, media_type, parser_context)
        check_json({name: form.data.getlist(name) for name in form.data})
        return form
