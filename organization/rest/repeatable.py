"""`Idempotency-Key`: a program that got no answer sends the same request again, and harms nothing.

The name of the header and what it holds are those of the IETF's draft of the same name.
"""

from collections.abc import Callable
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from organization.errors import RequestDiffers
from organization.models.repeatable import LONGEST_TEXT
from organization.rest.errors import ServiceErrors
from organization.services.repeatable import make_once

HEADER = "Idempotency-Key"
REPEATABLE_ERRORS: ServiceErrors = {RequestDiffers: (409, "idempotency_key_reused")}
IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT},
    OpenApiParameter.HEADER,
    description="A text of the program's own, such as a UUID. The same request with the same text"
    " within 24 hours makes nothing new: it is answered with what the first has made.",
)


def make_repeatably(request: Request, make: Callable[[], str]) -> str:
    """Return the public id that `make` returns, or what it returned when this was asked before."""
    text = request.headers.get(HEADER)
    if text is None:
        return make()
    if not (0 < len(text) <= LONGEST_TEXT and text.isascii() and text.isprintable()):
        reason = f"must have 1 to {LONGEST_TEXT} printable characters of ASCII"
        raise ValidationError({HEADER: [reason]})
    key: Any = request.auth  # the key itself, see ApiKeyAuthentication
    asked = [request.method, request.path, request.data]
    return make_once(key, text=text, asked=asked, make=make, now=timezone.now())
