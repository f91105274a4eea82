"""A request gets one of few turns at Django when its whole body is there, and not before.

The server's threads are many and wait for clients; the turns are few and have the connections to
the database. So a slow client takes a thread, which costs next to nothing, and no turn.
"""

import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from http import HTTPStatus
from io import BytesIO
from queue import SimpleQueue
from typing import Any
from wsgiref.types import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import FileResponse

from guardmdm.slow_clients import SlowClients

IN_MEMORY_BYTES = 256 * 1024
"""Larger bodies are kept in a file while they come."""
CHUNK_BYTES = 64 * 1024
Waiting = SimpleQueue[dict[str, BaseDatabaseWrapper]]
"""Turns that nobody has now, each with its connections."""


class BodyRefused(Exception):
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class Turns:
    """A WSGI application around one that answers with Django's responses; `max_body` in bytes.

    Bodies for `upload_paths` may be larger than any memory and any patience: these requests have
    `upload_count` turns of their own and read their body themselves, once they know the sender.
    """

    def __init__(
        self,
        application: WSGIApplication,
        *,
        count: int,
        max_body: int,
        upload_paths: Collection[str] = (),
        upload_count: int = 0,
    ) -> None:
        self._application = application
        self._max_body = max_body
        self._upload_paths = frozenset(upload_paths)
        self._clients = SlowClients()
        self._turns, self._upload_turns = _build_turns(count), _build_turns(upload_count)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        turns = self._upload_turns if environ["PATH_INFO"] in self._upload_paths else self._turns
        try:
            if turns is self._turns:
                self._take_body(environ)
        except BodyRefused as error:
            return _refuse(error.status, start_response)
        with ExitStack() as turn:
            _begin(turn, turns)
            response: Any = self._application(environ, start_response)
            if isinstance(response, list):
                return response
            if response.streaming:
                # A file needs no database; other answers read it while they are sent.
                kept = ExitStack() if isinstance(response, FileResponse) else turn.pop_all()
                return self._stream(response, environ, turn=kept)
            turn.callback(response.close)
            return [b"".join(response)]

    def _take_body(self, environ: WSGIEnvironment) -> None:
        """Put the whole body into `environ`; raises BodyRefused."""
        if "HTTP_TRANSFER_ENCODING" in environ:  # granian does not tell whether it came whole
            raise BodyRefused(HTTPStatus.LENGTH_REQUIRED)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if not length:
            return
        if length > self._max_body:
            raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        with self._waiting(environ):
            environ["wsgi.input"] = _read_body(environ["wsgi.input"], length=length)

    def _stream(
        self, response: Any, environ: WSGIEnvironment, *, turn: ExitStack
    ) -> Iterator[bytes]:
        with turn, closing(response), self._waiting(environ):
            yield from response

    def _waiting(self, environ: WSGIEnvironment) -> AbstractContextManager[None]:
        return self._clients.waiting(environ["REMOTE_ADDR"], port=int(environ["SERVER_PORT"]))


def _begin(turn: ExitStack, turns: Waiting) -> None:
    """Lend this thread a turn's database connections until `turn` is closed."""
    lent = turns.get()
    turn.callback(turns.put, lent)
    for alias, connection in lent.items():
        connections[alias] = connection
        turn.callback(connections.__delitem__, alias)


def _build_turns(count: int) -> Waiting:
    turns: Waiting = SimpleQueue()
    for _ in range(count):
        turns.put(_build_connections())
    return turns


def _build_connections() -> dict[str, BaseDatabaseWrapper]:
    built = {alias: connections.create_connection(alias) for alias in connections}
    for connection in built.values():
        connection.inc_thread_sharing()  # one thread after the other
    return built


def _read_body(stream: InputStream, *, length: int) -> InputStream:
    """Return a file of `length` bytes from `stream`; raises BodyRefused when there are fewer."""
    body: Any = BytesIO() if length <= IN_MEMORY_BYTES else tempfile.TemporaryFile()  # noqa: SIM115
    while chunk := stream.read(min(length - body.tell(), CHUNK_BYTES)):
        body.write(chunk)
    if body.tell() != length:
        raise BodyRefused(HTTPStatus.REQUEST_TIMEOUT)
    body.seek(0)
    return body  # type: ignore[no-any-return]


def _refuse(status: HTTPStatus, start_response: StartResponse) -> list[bytes]:
    headers = [("Content-Type", "text/plain"), ("Connection", "close")]
    start_response(f"{status.value} {status.phrase}", headers)
    return [f"{status.phrase}\n".encode()]
