"""Calls to servers that an administrator has named: https, once, briefly, nowhere private (S13)."""

import base64
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore
from django.conf import settings

from scep.errors import AddressRefused, ServerUnreachable
from scep.protocol.addresses import Target, check_address, decode_target

SECONDS = 5.0
MAX_BODY_BYTES = 1024 * 1024
USER_AGENT = "GuardMDM"
REDIRECTS = range(300, 400)


@dataclass(frozen=True)
class Answer:
    """What a server answered, whatever its status; `content_type` lower-case, no parameters."""

    status: int
    body: bytes
    content_type: str


@dataclass(frozen=True)
class Credentials:
    """For HTTP Basic authentication."""

    username: str
    password: str

    def encode(self) -> str:
        """Return the Authorization header."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


def fetch(
    url: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    auth: Credentials | None = None,
) -> Answer:
    """Send one request and return the answer; raises ServerUnreachable.

    The name is resolved once and that address is called, with the name in SNI, Host and the
    verified certificate. No redirects; five seconds and 1 MB in all; the system's trust store.
    """
    deadline = time.monotonic() + SECONDS
    target = decode_target(url)
    sent = _build_headers(target.authority, headers or {})
    if auth is not None:
        sent["Authorization"] = auth.encode()
    context = ssl.create_default_context()
    backend = _Backend(_resolve(target, deadline=deadline), deadline=deadline)
    where = httpcore.URL(
        scheme=b"https", host=target.host.encode(), port=target.port, target=target.path.encode()
    )
    return _send(where, backend=backend, context=context, method=method, body=body, headers=sent)


def fetch_own(path: str, *, roots: str, method: str = "GET", body: bytes = b"") -> Answer:
    """Send one request to this server itself, at its base URL; raises ServerUnreachable.

    `roots`: our own root CAs, PEM, trusted beside the system's. `path` begins with a slash and
    is never an administrator's.
    """
    deadline = time.monotonic() + SECONDS
    where = httpcore.URL(f"{settings.BASE_URL}{path}")
    host, port = where.host.decode(), where.port
    port = port or (443 if where.scheme == b"https" else 80)
    context = ssl.create_default_context()
    context.load_verify_locations(cadata=roots)
    backend = _Backend(_look_up(host, port, deadline=deadline), deadline=deadline)
    authority = settings.BASE_URL.partition("://")[2]
    headers = _build_headers(authority, {})
    return _send(where, backend=backend, context=context, method=method, body=body, headers=headers)


def _build_headers(authority: str, more: Mapping[str, str]) -> dict[str, str]:
    return {
        "Host": authority,
        "User-Agent": USER_AGENT,
        "Accept-Encoding": "identity",
        "Connection": "close",
        **more,
    }


def _send(
    where: httpcore.URL,
    *,
    backend: "_Backend",
    context: ssl.SSLContext,
    method: str,
    body: bytes,
    headers: Mapping[str, str],
) -> Answer:
    pool = httpcore.ConnectionPool(ssl_context=context, network_backend=backend)
    sent = dict(headers) | ({"Content-Length": str(len(body))} if body else {})
    host = where.host.decode()
    try:
        with pool, pool.stream(method, where, headers=list(sent.items()), content=body) as answer:
            return _read(answer, host=host)
    except (httpcore.TimeoutException, TimeoutError) as error:
        raise ServerUnreachable(f"{host} did not answer within {SECONDS:.0f} seconds") from error
    except ssl.SSLError as error:
        raise ServerUnreachable(f"{host}: TLS failed ({_name_tls_error(error)})") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        cause = error.__cause__ or error.__context__
        if isinstance(cause, ssl.SSLError):
            raise ServerUnreachable(f"{host}: TLS failed ({_name_tls_error(cause)})") from error
        raise ServerUnreachable(f"{host} cannot be reached ({_name_error(error)})") from error


def _read(answer: httpcore.Response, *, host: str) -> Answer:
    if answer.status in REDIRECTS:
        raise ServerUnreachable(f"{host} redirects ({answer.status}), which is not followed")
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise ServerUnreachable(f"{host} answered more than 1 MB")
        parts.append(part)
    kinds = [value for name, value in answer.headers if name.lower() == b"content-type"]
    kind = kinds[0].decode("latin-1") if kinds else ""
    return Answer(answer.status, b"".join(parts), kind.partition(";")[0].strip().lower())


def _name_tls_error(error: ssl.SSLError) -> str:
    reason = getattr(error, "verify_message", "") or error.reason or "handshake"
    return str(reason)


def _name_error(error: Exception) -> str:
    text = str(error)
    return text[:120] if text else type(error).__name__


def _resolve(target: Target, *, deadline: float) -> list[str]:
    """Return the host's addresses; one that must not be called spoils them all."""
    addresses = _look_up(target.host, target.port, deadline=deadline)
    for address in addresses:
        check_address(address, allow_private=settings.ALLOW_PRIVATE_URLS)
    return addresses


def _look_up(host: str, port: int, *, deadline: float) -> list[str]:
    """Ask the resolver, in a thread of its own: it has no timeout."""
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([str(each[4][0]) for each in found])
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=max(deadline - time.monotonic(), 0.001))
    except queue.Empty:
        raise ServerUnreachable(f"{host}: the name was not resolved in time") from None
    if isinstance(answer, Exception) or not answer:
        raise ServerUnreachable(f"{host}: the name cannot be resolved")
    return list(dict.fromkeys(answer))


class _Backend(httpcore.NetworkBackend):
    """Connects to addresses that are resolved already, and lets nothing outlive the deadline."""

    def __init__(self, addresses: list[str], *, deadline: float) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = AddressRefused("the server has no address")
        for address in self._addresses:
            left = _get_left(self._deadline)
            try:
                stream = self._plain.connect_tcp(address, port, left, None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            return _Stream(stream, deadline=self._deadline)
        raise failure


class _Stream(httpcore.NetworkStream):
    """A connection each of whose waits ends at the deadline, however slowly the bytes drip."""

    def __init__(self, stream: httpcore.NetworkStream, *, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _get_left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _get_left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _get_left(self._deadline)
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        return _Stream(stream, deadline=self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _get_left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time is over")
    return left
