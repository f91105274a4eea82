"""Connections that go where the name led when it was resolved, and end at a deadline."""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from scep.errors import AddressRefused, ServerUnreachable


def look_up(host: str, port: int, *, deadline: float) -> list[str]:
    """Return the host's addresses; raises ServerUnreachable.

    `deadline`: of time.monotonic(). In a thread of its own, for the resolver has no timeout.
    """
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


class PinnedBackend(httpcore.NetworkBackend):
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
