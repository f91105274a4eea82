"""A request gets one of few turns at Django when its whole body is there, and not before.

The server's threads are many and wait for clients; the turns are few and have the connections to
the database. So a slow client takes a thread, which costs next to nothing, and no turn.
"""

import tempfile
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from http import HTTPStatus
from io import BytesIO
from threading import Lock
from time import monotonic
from types import MappingProxyType
from typing import Any
from wsgiref.types import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import FileResponse

from guardmdm.slow_clients import SlowClients, Waiting

IN_MEMORY_BYTES = 256 * 1024
"""Larger bodies are kept in a file while they come, and their requests wait for each other."""
LARGE_TURNS = 1
CHUNK_BYTES = 64 * 1024
SHORT_SECONDS = 0.02
"""What a request takes that need not share its process: a hundred times an Idle's, a tenth of what
a person notices."""
NEVER, FOR_EVER = float("-inf"), -1.0
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
    Requests with other large bodies, of which a Mac's list of apps takes half a second, have
    LARGE_TURNS of their own: eight would take all, and an Idle would wait for two seconds.
    Messages for paths that begin with one of `message_limits` show by themselves whether they
    are whole, so they may come in chunks, of so many bytes in all. What is too large for these
    (unread) or was cut is left to the application, which refuses it and says so in its log.
    """

    def __init__(
        self,
        application: WSGIApplication,
        *,
        count: int,
        max_body: int,
        upload_paths: Collection[str] = (),
        upload_count: int = 0,
        message_limits: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._application = application
        self._max_body = max_body
        self._upload_paths = frozenset(upload_paths)
        self._message_limits = message_limits
        self._clients = SlowClients()
        self._turns, self._upload_turns = _Queue(count), _Queue(upload_count)
        self._large_turns = _Queue(LARGE_TURNS)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            if environ["PATH_INFO"] not in self._upload_paths:
                self._take_body(environ)
        except BodyRefused as error:
            return _refuse(error.status, start_response)
        turn, is_kept = _Turn(self._choose_turns(environ)), False
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

    def _choose_turns(self, environ: WSGIEnvironment) -> "_Queue":
        if environ["PATH_INFO"] in self._upload_paths:
            return self._upload_turns
        is_large = int(environ.get("CONTENT_LENGTH") or 0) > IN_MEMORY_BYTES
        return self._large_turns if is_large else self._turns

    def _take_body(self, environ: WSGIEnvironment) -> None:
        """Put the whole body into `environ`; raises BodyRefused."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if "HTTP_TRANSFER_ENCODING" in environ:
            self._take_chunks(environ)
        elif length > self._max_body:
            self._leave_body(environ)
        elif length:
            with self._waiting(environ):
                body, is_whole = _read_body(environ["wsgi.input"], length=length)
            if not (is_whole or self._is_message(environ)):
                raise BodyRefused(HTTPStatus.REQUEST_TIMEOUT)
            environ["wsgi.input"] = body

    def _take_chunks(self, environ: WSGIEnvironment) -> None:
        """Put them into `environ` as if their length had been told."""
        limit = self._find_message_limit(environ)
        if limit is None:  # granian does not tell whether it came whole
            raise BodyRefused(HTTPStatus.LENGTH_REQUIRED)
        with self._waiting(environ):
            body, length = _read_chunks(environ["wsgi.input"], limit=limit)
        del environ["HTTP_TRANSFER_ENCODING"]
        environ["CONTENT_LENGTH"], environ["wsgi.input"] = str(length), body

    def _leave_body(self, environ: WSGIEnvironment) -> None:
        """Give the application the length alone: it must not wait for the rest in its turn."""
        if not self._is_message(environ):
            raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        environ["wsgi.input"] = BytesIO()

    def _is_message(self, environ: WSGIEnvironment) -> bool:
        return self._find_message_limit(environ) is not None

    def _find_message_limit(self, environ: WSGIEnvironment) -> int | None:
        path = environ["PATH_INFO"]
        found = (limit for prefix, limit in self._message_limits.items() if path.startswith(prefix))
        return next(found, None)

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
    """Lends this thread a turn's database connections until its end.

    They know it, so that who waits for another server ends it and begins anew
    (organization.services.waiting).
    """

    __slots__ = ("_lent", "_turns")

    def __init__(self, turns: "_Queue") -> None:
        self._turns = turns
        self.begin()

    def begin(self) -> None:
        self._lent = self._turns.take()
        for alias, connection in self._lent.connections.items():
            connection.turn = self  # type: ignore[attr-defined]
            connections[alias] = connection

    def end(self) -> None:
        for alias in self._lent.connections:
            del connections[alias]
        self._turns.give(self._lent)


class _Lent:
    """A turn's connections, and since when somebody works with them (monotonic seconds)."""

    __slots__ = ("connections", "since")

    def __init__(self, turns: "_Queue") -> None:
        self.connections, self.since = _build_connections(partial(turns.let_next, self)), NEVER


class _Queue:
    """The turns of one process; whoever waits longest is next.

    Python computes for one thread at a time. So a second turn is given only where the first one's
    request has had it for SHORT_SECONDS or waits for the disk, or who waits has waited as long:
    two that came at once would be done later, both, than one after the other.
    """

    def __init__(self, count: int) -> None:
        self._lock = Lock()
        self._all = [_Lent(self) for _ in range(count)]
        self._free = [*self._all]
        self._waiting: deque[_Place] = deque()

    def take(self) -> _Lent:
        now = monotonic()
        with self._lock:
            if self._free and not self._is_busy(now):
                if not self._waiting:
                    return _lend(self._free.pop(), now)
                self._call_next(now)
            place = _Place()
            self._waiting.append(place)
        if not place.wait(SHORT_SECONDS):
            self._call_up_to(place)
            place.wait()
        return place.lent

    def _call_up_to(self, place: "_Place") -> None:
        """Give turns that are free to `place`, which has waited, and first to those before it."""
        now = monotonic()
        with self._lock:
            place.is_impatient = True
            while self._free and not place.is_called:
                self._call_next(now)

    def let_next(self, lent: _Lent) -> None:
        """The request with `lent` waits for the disk, and for nobody else."""
        with self._lock:
            lent.since = NEVER
            self._go_on()

    def give(self, lent: _Lent) -> None:
        with self._lock:
            lent.since = NEVER
            self._free.append(lent)
            self._go_on()

    def _go_on(self) -> None:
        now = monotonic()
        is_possible = self._waiting and self._free
        if is_possible and (self._waiting[0].is_impatient or not self._is_busy(now)):
            self._call_next(now)

    def _call_next(self, now: float) -> None:
        self._waiting.popleft().call(_lend(self._free.pop(), now))

    def _is_busy(self, now: float) -> bool:
        """Whether a request is worked at that may soon be done."""
        return any(now - each.since < SHORT_SECONDS for each in self._all)


def _lend(lent: _Lent, now: float) -> _Lent:
    lent.since = now
    return lent


class _Place:
    """A thread's place among those that wait for a turn."""

    __slots__ = ("_bell", "is_called", "is_impatient", "lent")

    def __init__(self) -> None:
        self.is_called = self.is_impatient = False
        self._bell = Lock()
        self._bell.acquire()

    def wait(self, seconds: float = FOR_EVER) -> bool:
        """Return whether something was lent in time."""
        return self._bell.acquire(timeout=seconds)

    def call(self, lent: _Lent) -> None:
        self.lent, self.is_called = lent, True
        self._bell.release()


def _build_connections(before_disk: Callable[[], None]) -> Connections:
    built: dict[str, Any] = {alias: connections.create_connection(alias) for alias in connections}
    for connection in built.values():
        connection.inc_thread_sharing()  # one thread after the other
        connection.before_disk = before_disk
    return built


def _read_body(stream: InputStream, *, length: int) -> tuple[InputStream, bool]:
    """Return a file of `length` bytes from `stream`, or of fewer, and whether it has them all."""
    body: Any = BytesIO() if length <= IN_MEMORY_BYTES else tempfile.TemporaryFile()  # noqa: SIM115
    left = length
    while left and (chunk := stream.read(min(left, CHUNK_BYTES))):
        body.write(chunk)
        left -= len(chunk)
    body.seek(0)
    return body, not left


def _read_chunks(stream: InputStream, *, limit: int) -> tuple[InputStream, int]:
    """Return a file of all that comes, and its length; an empty one where that is over `limit`."""
    body: Any = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115
    length = 0
    while chunk := stream.read(min(CHUNK_BYTES, limit + 1 - length)):  # which waits for all of it
        length += len(chunk)
        if length > limit:
            return BytesIO(), length
        body.write(chunk)
    body.seek(0)
    return body, length


def _refuse(status: HTTPStatus, start_response: StartResponse) -> list[bytes]:
    headers = [("Content-Type", "text/plain"), ("Connection", "close")]
    start_response(f"{status.value} {status.phrase}", headers)
    return [f"{status.phrase}\n".encode()]
