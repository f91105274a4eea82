"""A request gets one of few turns at Django when its whole body is there, and not before.

The server's threads are many and wait for clients; the turns are few and have the connections to
the database. So a slow client takes a thread, which costs next to nothing, and no turn.
"""

import tempfile
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from http import HTTPStatus
from io import BytesIO
from threading import Lock
from typing import Any
from wsgiref.types import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import FileResponse

from guardmdm.slow_clients import SlowClients, Waiting

IN_MEMORY_BYTES = 256 * 1024
"""Larger bodies are kept in a file while they come."""
CHUNK_BYTES = 64 * 1024
Connections = dict[str, BaseDatabaseWrapper]
"""A turn's, by their aliases."""


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
        self._turns, self._upload_turns = _Queue(count), _Queue(upload_count)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        turns = self._upload_turns if environ["PATH_INFO"] in self._upload_paths else self._turns
        try:
            if turns is self._turns:
                self._take_body(environ)
        except BodyRefused as error:
            return _refuse(error.status, start_response)
        turn, is_kept = _Turn(turns), False
        try:
            response: Any = self._application(environ, start_response)
            if isinstance(response, list):
                return response
            if not response.streaming:
                with closing(response):
                    return [b"".join(response)]
            # A file needs no database; other answers read it while they are sent.
            is_kept = not isinstance(response, FileResponse)
            return self._stream(response, environ, turn=turn if is_kept else None)
        finally:
            if not is_kept:
                turn.end()

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
        self, response: Any, environ: WSGIEnvironment, *, turn: "_Turn | None"
    ) -> Iterator[bytes]:
        try:
            with closing(response), self._waiting(environ):
                yield from response
        finally:
            if turn is not None:
                turn.end()

    def _waiting(self, environ: WSGIEnvironment) -> Waiting:
        return self._clients.waiting(environ["REMOTE_ADDR"], port=int(environ["SERVER_PORT"]))


class _Turn:
    """Lends this thread a turn's database connections until its end."""

    __slots__ = ("_lent", "_turns")

    def __init__(self, turns: "_Queue") -> None:
        self._turns, self._lent = turns, turns.take()
        for alias, connection in self._lent.items():
            connections[alias] = connection

    def end(self) -> None:
        for alias in self._lent:
            del connections[alias]
        self._turns.give(self._lent)


class _Queue:
    """Turns that nobody has now, each with its connections; whoever waits longest is next."""

    def __init__(self, count: int) -> None:
        self._lock = Lock()
        self._free = [_build_connections() for _ in range(count)]
        self._waiting: deque[_Place] = deque()

    def take(self) -> Connections:
        with self._lock:
            if self._free:
                return self._free.pop()
            place = _Place()
            self._waiting.append(place)
        return place.wait()

    def give(self, turn: Connections) -> None:
        with self._lock:
            if not self._waiting:
                self._free.append(turn)
                return
            place = self._waiting.popleft()
        place.call(turn)


class _Place:
    """A thread's place among those that wait for a turn."""

    __slots__ = ("_called", "_turn")

    def __init__(self) -> None:
        self._turn: Connections = {}
        self._called = Lock()
        self._called.acquire()

    def wait(self) -> Connections:
        self._called.acquire()
        return self._turn

    def call(self, turn: Connections) -> None:
        self._turn = turn
        self._called.release()


def _build_connections() -> Connections:
    built = {alias: connections.create_connection(alias) for alias in connections}
    for connection in built.values():
        connection.inc_thread_sharing()  # one thread after the other
    return built


def _read_body(stream: InputStream, *, length: int) -> InputStream:
    """Return a file of `length` bytes from `stream`; raises BodyRefused when there are fewer."""
    body: Any = BytesIO() if length <= IN_MEMORY_BYTES else tempfile.TemporaryFile()  # noqa: SIM115
    left = length
    while left and (chunk := stream.read(min(left, CHUNK_BYTES))):
        body.write(chunk)
        left -= len(chunk)
    if left:
        raise BodyRefused(HTTPStatus.REQUEST_TIMEOUT)
    body.seek(0)
    return body  # type: ignore[no-any-return]


def _refuse(status: HTTPStatus, start_response: StartResponse) -> list[bytes]:
    headers = [("Content-Type", "text/plain"), ("Connection", "close")]
    start_response(f"{status.value} {status.phrase}", headers)
    return [f"{status.phrase}\n".encode()]
