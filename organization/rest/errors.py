"""Refusals, all in one shape: `{"code", "detail"}`, with `errors` by field for bad input."""

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from itertools import islice
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from organization.errors import NotSetUp

logger = logging.getLogger("django.request")

# A kind of service error → the HTTP status and the code that tell of it.
ServiceErrors = Mapping[type[Exception], tuple[int, str]]

RETRY_AFTER = "5"
EVERYWHERE: ServiceErrors = {
    NotSetUp: (503, "not_set_up"),
    OperationalError: (503, "database_unavailable"),
    InterfaceError: (503, "database_unavailable"),
    IntegrityError: (409, "conflict"),
}
# A database's own words name tables and values: they stay inside.
DATABASE_DETAILS = {
    "database_unavailable": "the database is not available; try again later",
    "conflict": "another change came first, or the name is taken",
}


# Messages repeat the input, whose size is the sender's choice.
MAX_MESSAGES = 20
MAX_MESSAGE = 200


def answer_error(error: Exception, context: Mapping[str, Any]) -> Response:
    """Return the response for `error`; what nobody foresaw is logged and becomes a 500."""
    known = {**getattr(context.get("view"), "service_errors", {}), **EVERYWHERE}
    for kind, (status, code) in known.items():
        if isinstance(error, kind):
            problem = build_problem(code, DATABASE_DETAILS.get(code) or str(error)[:MAX_MESSAGE])
            _name_fields(problem, error)
            headers = {"Retry-After": RETRY_AFTER} if status == 503 else {}
            return Response(problem, status=status, headers=headers)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, SuspiciousOperation | BadRequest):
        error = exceptions.ParseError("the request holds too much, or cannot be read")
    if isinstance(error, exceptions.UnsupportedMediaType):
        error.detail = _say_media_types(error, request=context["request"])
    if isinstance(error, exceptions.APIException):
        return _answer_api_exception(error)
    return _answer_failure(error, request=context["request"])


def _name_fields(problem: dict[str, Any], error: Exception) -> None:
    """Add the fields that an error is about, by the names that a program gave."""
    fields: list[str] = getattr(error, "fields", None) or [getattr(error, "field", "")]
    errors = {field[:MAX_MESSAGE]: [problem["detail"]] for field in fields if field}
    if errors:
        problem["errors"] = errors


def _say_media_types(
    error: exceptions.UnsupportedMediaType, *, request: Request
) -> exceptions.ErrorDetail:
    """Most programs that are refused so have left out the header, and curl has put another."""
    kinds = " or ".join(parser.media_type for parser in request.parsers or ())
    return exceptions.ErrorDetail(f"{error.detail} Say Content-Type: {kinds}.", error.default_code)


def _answer_failure(error: Exception, *, request: Request) -> Response:
    # The view answers, so Django does not see the error: tell it as its own handler would.
    got_request_exception.send(sender=None, request=request)
    logger.error("Internal Server Error: %s", request.path, exc_info=error)
    return Response(build_problem("internal_error", "this server made a mistake"), status=500)


def _answer_api_exception(error: exceptions.APIException) -> Response:
    headers = {}
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if isinstance(error, exceptions.ValidationError):
        return Response(_build_input_problem(error.detail), status=400)
    problem = build_problem(str(error.get_codes()), str(error.detail))
    _name_fields(problem, error)
    return Response(problem, status=error.status_code, headers=headers)


def build_problem(code: str, detail: str) -> dict[str, Any]:
    return {"code": code, "detail": detail}


def _build_input_problem(detail: Any) -> dict[str, Any]:
    errors: dict[str, list[str]] = {}
    for path, message in islice(_flatten(detail), MAX_MESSAGES):
        errors.setdefault(path or "body", []).append(message[:MAX_MESSAGE])
    summary = "; ".join(f"{path}: {' '.join(messages)}" for path, messages in errors.items())
    return {**build_problem("invalid", summary), "errors": errors}


def _flatten(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(detail, Mapping):
        for name, part in detail.items():
            inner = "" if name == "non_field_errors" else str(name)
            yield from _flatten(part, ".".join(filter(None, [path, inner])))
    elif isinstance(detail, list):
        for part in detail:
            yield from _flatten(part, path)
    else:
        yield path, str(detail)


@csrf_exempt
def answer_no_such_path(request: HttpRequest, rest: str = "") -> JsonResponse:
    """What a program gets for /api/v1 itself, and for an address below it that is none."""
    detail = "there is nothing at this address"
    if not rest:
        detail += "; what there is stands at /api/v1/docs/ and /api/v1/schema/"
    elif rest.endswith("/"):
        detail += "; addresses of this interface end without a slash"
    return JsonResponse(build_problem("not_found", detail), status=404)


def answer_bad_request(request: HttpRequest) -> JsonResponse:
    """What a program gets whose request goes no further: it names a foreign host, for one."""
    detail = "the request names a host that this server does not have, or cannot be read"
    return JsonResponse(build_problem("parse_error", detail), status=400)


def read_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Open a view that no key is needed for: other methods get the refusal of all others."""

    @csrf_exempt
    @wraps(view)
    def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            return view(request, *args, **kwargs)
        error = exceptions.MethodNotAllowed(str(request.method))
        problem = build_problem(str(error.get_codes()), str(error.detail))
        return JsonResponse(problem, status=error.status_code, headers={"Allow": "GET, HEAD"})

    return door
