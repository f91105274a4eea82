"""A shorter way into Django for devices and programs that need nothing of what people do.

On its usual way a request passes fourteen middlewares, all but one of which step aside for it, the
URL patterns of the whole server and four signals: 0.1 to 0.2 ms, which is more than SCEP's other
Python for the message itself. Here its view is called at once. The views, their answers, the
handling of errors and the lines of the log are the same.

A view may have itself once more, as its `plain`: that takes WSGI's environ in place of the
request. It returns a response, or, for a 200 with nothing more to say, anything with `body` and
`content_type`: making Django's request and response costs more than reading what a device says
when it has nothing to say.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from django.core.handlers.exception import response_for_exception
from django.core.handlers.wsgi import WSGIRequest
from django.db import connections
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.log import log_response

from guardmdm.middleware import MACHINE_PATHS, DatabaseOutage

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
OK, ERRORS_FROM = 200, 400


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
        try:
            answer = _answer(environ, match)
        finally:
            _check_connections()
        if not isinstance(answer, HttpResponseBase):
            length = ("Content-Length", str(len(answer.body)))
            start_response("200 OK", [("Content-Type", answer.content_type), length])
            return [answer.body]
        response: Any = answer
        start_response(f"{response.status_code} {response.reason_phrase}", [*response.items()])
        if response.streaming:
            return response  # type: ignore[no-any-return]  # looked at again at its end, by Django
        return [response.content]


@lru_cache(maxsize=256)
def _find_view(path: str) -> ResolverMatch | None:
    try:
        return resolve(path)
    except Resolver404:
        return None


def _answer(environ: dict[str, Any], match: ResolverMatch) -> Any:
    """Return the response, or what a `plain` view answers without one."""
    answer: Any
    plain = getattr(match.func, "plain", None)
    try:
        if plain is not None:
            answer = plain(environ, *match.args, **match.kwargs)
        else:
            answer = match.func(_build_request(environ, match), *match.args, **match.kwargs)
    except Exception as error:  # noqa: BLE001 - the border of the door
        request = _build_request(environ, match)
        answer = DatabaseOutage.process_exception(request, error) or response_for_exception(
            request, error
        )
    if getattr(answer, "status_code", OK) >= ERRORS_FROM:
        request, said = _build_request(environ, match), answer.reason_phrase
        log_response("%s: %s", said, request.path, response=answer, request=request)
    return answer


def _build_request(environ: dict[str, Any], match: ResolverMatch) -> WSGIRequest:
    request = WSGIRequest(environ)
    request.resolver_match = match
    return request


def _check_connections() -> None:
    """What Django does at both ends of a request: a connection that is broken or old is closed.

    The end is enough here, for it comes whatever happens, and no other use is without one.
    """
    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()
