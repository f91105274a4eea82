"""A shorter way into Django for devices and programs that need nothing of what people do.

On its usual way a request passes fourteen middlewares, all but one of which step aside for it, the
URL patterns of the whole server and four signals: 0.1 to 0.2 ms, which is more than SCEP's other
Python for the message itself. Here its view is called at once. The views, their answers, the
handling of errors and the lines of the log are the same.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from django.core.handlers.exception import response_for_exception
from django.core.handlers.wsgi import WSGIRequest
from django.db import connections
from django.http import HttpResponse
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.log import log_response

from guardmdm.middleware import MACHINE_PATHS, DatabaseOutage

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
ERRORS_FROM = 400


class MachineDoor:
    """WSGI: requests for MACHINE_PATHS go to their views, all others to Django's `application`."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        # WSGI's text is Latin-1; what is not ASCII has to be decoded again, by Django.
        is_ours = path.startswith(MACHINE_PATHS) and path.isascii()
        match = _find_view(path) if is_ours else None
        if match is None:
            return self.application(environ, start_response)
        _check_connections()
        response = _answer(WSGIRequest(environ), match)
        start_response(f"{response.status_code} {response.reason_phrase}", [*response.items()])
        if response.streaming:
            return response  # its end comes later, and Django sees to it
        _check_connections()
        return [response.content]


@lru_cache(maxsize=256)
def _find_view(path: str) -> ResolverMatch | None:
    try:
        return resolve(path)
    except Resolver404:
        return None


def _answer(request: WSGIRequest, match: ResolverMatch) -> HttpResponse:
    request.resolver_match = match
    try:
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    except Exception as error:  # noqa: BLE001 - the border of the door
        response = DatabaseOutage.process_exception(request, error) or response_for_exception(
            request, error
        )
    if response.status_code >= ERRORS_FROM:
        said = response.reason_phrase
        log_response("%s: %s", said, request.path, response=response, request=request)
    return response


def _check_connections() -> None:
    """What Django does at both ends of a request: a connection that is broken or old is closed."""
    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()
