"""Load from prepared HTTP requests: a few connections, each sending its next as soon as it may.

One process and one loop; it neither builds nor reads anything but the answer's length, so that
it costs little beside the server. Its own CPU is measured too.
"""

import selectors
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length: "
CHUNKED = b"transfer-encoding: chunked"


@dataclass
class Outcome:
    """What one round has given; times in seconds, `answers` whole and in the requests' order."""

    seconds: float = 0.0
    client_cpu: float = 0.0
    latencies: list[float] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)


@dataclass
class _Connection:
    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    started: float = 0.0
    number: int = 0

    def send(self, request: bytes, *, number: int) -> None:
        self.received.clear()
        self.number = number
        self.started = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Read what has come; return whether the answer is whole."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server has closed the connection")
        self.received += data
        return read_body(self.received) is not None


def read_body(answer: bytes | bytearray) -> bytes | None:
    """Return the body, of an announced length or in chunks; None while it is not whole."""
    head, separator, body = bytes(answer).partition(END_OF_HEAD)
    if not separator:
        return None
    lowered = head.lower()
    if CHUNKED in lowered:
        return _join_chunks(body)
    start = lowered.index(LENGTH) + len(LENGTH)
    length = int(lowered[start:].split(b"\r\n", 1)[0])
    return body[:length] if len(body) >= length else None


def _join_chunks(body: bytes) -> bytes | None:
    joined, start = b"", 0
    while (end := body.find(b"\r\n", start)) >= 0:
        size = int(body[start:end], 16)
        start = end + 2 + size + 2
        if start > len(body):
            return None
        if size == 0:
            return joined
        joined += body[end + 2 : start - 2]
    return None


def build_request(
    path: str,
    *,
    port: int,
    body: bytes,
    content_type: str,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Return a whole HTTP/1.1 request."""
    fields = {
        "Host": f"127.0.0.1:{port}",
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        **(headers or {}),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def readdress(request: bytes, *, path: str) -> bytes:
    """Return the same request for another path."""
    method, _, rest = request.split(b" ", 2)
    return b" ".join([method, path.encode(), rest])


def run_round(requests: Sequence[bytes], *, port: int, connections: int) -> Outcome:
    """Send all requests, each once, over persistent connections; return what came of it."""
    outcome, waiting = Outcome(answers=[b""] * len(requests)), deque(enumerate(requests))
    selector = selectors.DefaultSelector()
    for _ in range(min(connections, len(requests))):
        opened = socket.create_connection(("127.0.0.1", port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(opened, selectors.EVENT_READ, _Connection(opened))
    started, cpu = time.perf_counter(), time.process_time()
    for key in list(selector.get_map().values()):
        _send_next(key.data, waiting)
    while len(outcome.latencies) < len(requests):
        for key, _ in selector.select():
            each: _Connection = key.data
            if not each.receive():
                continue
            outcome.latencies.append(time.perf_counter() - each.started)
            outcome.answers[each.number] = bytes(each.received)
            if waiting:
                _send_next(each, waiting)
    outcome.seconds = time.perf_counter() - started
    outcome.client_cpu = time.process_time() - cpu
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    return outcome


def _send_next(connection: _Connection, waiting: deque[tuple[int, bytes]]) -> None:
    number, request = waiting.popleft()
    connection.send(request, number=number)
