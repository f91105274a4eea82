"""A fake APNs on loopback: HTTP/2 over TLS with client certificates, for real."""

import contextlib
import socket
import ssl
import threading
import uuid
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from . import answers
from .answers import Answer, Delivery, PushRequest, Registration
from .authority import ApnsAuthority, Pair, make_authority
from .connection import Connection, Door
from .tls import make_context

DISTURBANCES = ("goaway", "reset", "close", "ignore", "freeze")
HANDSHAKE_SECONDS = 10


class FakeApns:
    """Knows tokens, checks requests as Apple does, wakes devices, keeps a record.

    client_ca: PEM bytes that client certificates must lead to; None takes any.
    Use as a context manager, or call start and stop.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        client_ca: bytes | None = None,
        *,
        authority: ApnsAuthority | None = None,
        max_streams: int = 1000,
    ) -> None:
        self.host = host
        self.port = port
        self.authority = authority or make_authority()
        self.deliveries: list[Delivery] = []
        self.violations: list[str] = []  # of HTTP/2 by clients, in h2's words
        self.connections = 0  # that were made with HTTP/2
        self._client_ca = client_ca
        self._max_streams = max_streams
        self._changed = threading.Condition()
        self._registrations: dict[bytes, Registration] = {}
        self._gone: dict[bytes, float] = {}
        self._poison: set[str] = set()
        self._planned: deque[Answer] = deque()
        self._disturbances: deque[str] = deque()
        self._delays: deque[float] = deque()
        self._sockets: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    @property
    def ca_pem(self) -> bytes:
        """The CA that the server under test must trust (GUARDMDM_APNS_CA)."""
        return self.authority.ca_pem

    def issue_push_certificate(self, topic: str) -> Pair:
        """A push certificate for the topic: .key_pem and .certificate_pem."""
        return self.authority.issue_push_certificate(topic)

    def allow_streams(self, count: int) -> None:
        """From now on connections begin with this SETTINGS_MAX_CONCURRENT_STREAMS."""
        self._max_streams = count

    def register(
        self, token: bytes, magic: str, topic: str, wake: Callable[[], object] = lambda: None
    ) -> None:
        """Makes a token known; a push with its magic calls wake on the APNs' thread."""
        with self._changed:
            self._registrations[token] = Registration(magic, topic, wake)
            self._gone.pop(token, None)

    def unregister(self, token: bytes) -> None:
        """From now on the token answers 410 Unregistered."""
        with self._changed:
            self._registrations.pop(token, None)
            self._gone[token] = answers.now()

    def close_at(self, token: bytes) -> None:
        """From now on the connection ends without a word at each push to the token."""
        self._poison.add(token.hex())

    def heal(self) -> None:
        """No token ends the connection any more."""
        self._poison.clear()

    def answer_next(
        self,
        status: int,
        reason: str | None = None,
        *,
        count: int = 1,
        timestamp: int | None = None,
        retry_after: int | None = None,
    ) -> None:
        """The next `count` requests get this answer, whatever they ask."""
        with self._changed:
            self._planned.extend([Answer(status, reason, timestamp, retry_after)] * count)

    def delay_next(self, seconds: float, *, count: int = 1) -> None:
        """The answers to the next requests come late; others overtake them."""
        with self._changed:
            self._delays.extend([seconds] * count)

    def disturb_next(self, kind: str, *, count: int = 1) -> None:
        """The next requests are not answered.

        "goaway": the connection ends with the stream before, whose answer still comes;
        "reset": of the stream, not processed; "close": of the connection, without a word;
        "ignore": no answer ever; "freeze": nothing at all is read from the connection any more.
        """
        if kind not in DISTURBANCES:
            raise ValueError(f"{kind!r} is none of {DISTURBANCES}")
        with self._changed:
            self._disturbances.extend([kind] * count)

    def wait_for_deliveries(self, count: int, *, seconds: float = 10) -> list[Delivery]:
        """The deliveries once there are `count`; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.deliveries) >= count, seconds):
                raise TimeoutError(f"{len(self.deliveries)} of {count} deliveries came")
            return list(self.deliveries)

    def start(self) -> Self:
        """Listens; `port` is the real one afterwards."""
        self._listener = socket.create_server((self.host, self.port))
        self.port = self._listener.getsockname()[1]
        context = make_context(
            self.authority.issue_server(self.host),
            client_ca=self._client_ca,
            own_ca=self.ca_pem,
        )
        threading.Thread(
            target=self._accept, args=(self._listener, context), name="fake-apns", daemon=True
        ).start()
        return self

    def stop(self) -> None:
        """Closes the listener and every connection."""
        if self._listener is not None:
            # shutdown wakes the thread that sits in accept; close alone does not.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self.close_connections()

    def close_connections(self) -> None:
        """Drops every open connection; the listener stays."""
        with self._changed:
            sockets = list(self._sockets)
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _accept(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain, context), daemon=True).start()

    def _serve(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        plain.settimeout(HANDSHAKE_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with plain, contextlib.suppress(OSError):
            secured = context.wrap_socket(plain, server_side=True)
            with secured:
                self._run(secured)

    def _run(self, secured: ssl.SSLSocket) -> None:
        if secured.selected_alpn_protocol() != "h2":
            return
        secured.settimeout(None)
        with self._changed:
            self._sockets.add(secured)
            self.connections += 1
        try:
            door = Door(
                self.answer,
                self._take_disturbance,
                self._take_delay,
                lambda path: path.removeprefix(answers.PATH) in self._poison,
                self.violations,
            )
            Connection(secured, door=door, max_streams=self._max_streams).run()
        finally:
            with self._changed:
                self._sockets.discard(secured)

    def _take_disturbance(self) -> str | None:
        with self._changed:
            return self._disturbances.popleft() if self._disturbances else None

    def _take_delay(self) -> float:
        with self._changed:
            return self._delays.popleft() if self._delays else 0.0

    def answer(self, request: PushRequest) -> tuple[Answer, str]:
        """Decides, records, wakes; returns the answer and the apns-id."""
        apns_id = request.headers.get("apns-id") or str(uuid.uuid4()).upper()
        token = request.token or b""
        with self._changed:
            found = self._registrations.get(token)
            answer = self._decide(request, found)
            woke = answer.status == 200 and found is not None and found.magic == request.magic
            self.deliveries.append(
                Delivery(
                    token=request.token,
                    magic=request.magic,
                    topic=request.topic,
                    headers=request.headers,
                    status=answer.status,
                    reason=answer.reason,
                    apns_id=apns_id,
                    at=answers.now(),
                    woke=woke,
                )
            )
            self._changed.notify_all()
        if woke and found is not None:
            found.wake()
        return answer, apns_id

    def _decide(self, request: PushRequest, found: Registration | None) -> Answer:
        if self._planned:
            return self._planned.popleft()
        gone_at = self._gone.get(request.token or b"")
        return answers.check_request(request) or answers.check_registration(
            request, found=found, gone_at=gone_at
        )
