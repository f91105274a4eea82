"""One HTTP/2 connection of the fake APNs, on its own thread."""

import heapq
import select
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.x509.oid import NameOID
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

from .answers import Answer, PushRequest

READ_SIZE = 65_536
FROZEN_SECONDS = 60


@dataclass
class Exchange:
    """A request while it arrives."""

    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True)
class Door:
    """What the server lends a connection.

    answer gives the answer and the apns-id; take_disturbance the next disturbance or None;
    take_delay how many seconds an answer waits; closes_at whether the connection ends at a path;
    violations: where the client's are noted.
    """

    answer: Callable[[PushRequest], tuple[Answer, str]]
    take_disturbance: Callable[[], str | None]
    take_delay: Callable[[], float]
    closes_at: Callable[[str], bool]
    violations: list[str]


class Connection:
    """Reads requests and answers them until either side closes."""

    def __init__(self, sock: ssl.SSLSocket, *, door: Door, max_streams: int) -> None:
        self._sock = sock
        self._door = door
        self._topics = read_topics(sock.getpeercert(binary_form=True) or b"")
        self._exchanges: dict[int, Exchange] = {}
        self._late: list[tuple[float, int, Exchange]] = []  # a heap, by the moment of the answer
        self._open = True
        self._leaving = False
        # Our own headers need no check; the client's are checked, to find its bugs.
        self._h2 = H2Connection(
            H2Configuration(
                client_side=False,
                header_encoding="utf-8",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._h2.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = max_streams

    def run(self) -> None:
        """Serves until the peer leaves, a disturbance ends it, or stop closes it."""
        # h2 tells, and holds the client to, what was acknowledged.
        self._h2.local_settings.acknowledge()
        self._h2.initiate_connection()
        self._flush()
        while self._open:
            if self._wait():
                data = self._sock.recv(READ_SIZE)
                if not data:
                    return
                self._take(data)
            self._answer_late()
            self._flush()
            if self._leaving and not self._late:
                return

    def _wait(self) -> bool:
        """True when there is something to read; False when a late answer is due."""
        if self._sock.pending() or not self._late:
            return True
        seconds = max(0.0, self._late[0][0] - time.monotonic())
        return bool(select.select([self._sock], [], [], seconds)[0])

    def _take(self, data: bytes) -> None:
        try:
            received = self._h2.receive_data(data)
        except ProtocolError as error:
            self._door.violations.append(f"{type(error).__name__}: {error}")
            self._open = False
            return
        for event in received:
            self._handle(event)

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self._sock.sendall(data)

    def _handle(self, event: events.Event) -> None:
        if not self._open or (self._leaving and not isinstance(event, events.StreamReset)):
            return
        if isinstance(event, events.RequestReceived):
            headers = {_text(key): _text(value) for key, value in event.headers or ()}
            self._exchanges[event.stream_id or 0] = Exchange(headers)
        elif isinstance(event, events.DataReceived):
            self._take_data(event)
        elif isinstance(event, events.StreamEnded):
            self._end_stream(event.stream_id or 0)
        elif isinstance(event, events.StreamReset):
            self._exchanges.pop(event.stream_id or 0, None)
        elif isinstance(event, events.ConnectionTerminated):
            self._open = False

    def _take_data(self, event: events.DataReceived) -> None:
        stream_id = event.stream_id or 0
        self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream_id)
        if stream_id in self._exchanges:
            self._exchanges[stream_id].body += event.data or b""

    def _end_stream(self, stream_id: int) -> None:
        exchange = self._exchanges.pop(stream_id, None)
        if exchange is None:
            return
        if self._door.closes_at(exchange.headers.get(":path", "")):
            self._open = False
            return
        disturbance = self._door.take_disturbance()
        if disturbance is not None:
            self._disturb(disturbance, stream_id)
            return
        delay = self._door.take_delay()
        if delay:
            heapq.heappush(self._late, (time.monotonic() + delay, stream_id, exchange))
        else:
            self._reply(stream_id, exchange)

    def _answer_late(self) -> None:
        while self._late and self._late[0][0] <= time.monotonic():
            _, stream_id, exchange = heapq.heappop(self._late)
            self._reply(stream_id, exchange)

    def _reply(self, stream_id: int, exchange: Exchange) -> None:
        headers = exchange.headers
        request = PushRequest(
            method=headers.get(":method", ""),
            path=headers.get(":path", ""),
            headers={k: v for k, v in headers.items() if not k.startswith(":")},
            body=bytes(exchange.body),
            client_topics=self._topics,
        )
        answer, apns_id = self._door.answer(request)
        body = answer.encode()
        reply = [(":status", str(answer.status)), ("apns-id", apns_id)]
        if answer.retry_after is not None:
            reply.append(("retry-after", str(answer.retry_after)))
        try:
            self._h2.send_headers(stream_id, reply, end_stream=not body)
            if body:
                self._h2.send_data(stream_id, body, end_stream=True)
        except StreamClosedError:
            return  # the client has given up

    def _disturb(self, disturbance: str, stream_id: int) -> None:
        """The request is not processed: a correct client sends it again, but for "ignore"."""
        if disturbance == "reset":
            self._h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
        elif disturbance == "goaway":
            self._go_away(last=max(stream_id - 2, 0))
        elif disturbance == "freeze":
            time.sleep(FROZEN_SECONDS)
            self._open = False
        elif disturbance == "close":
            self._open = False

    def _go_away(self, *, last: int) -> None:
        """By hand: h2 would end the streams that are still to be answered."""
        self._flush()
        frame = GoAwayFrame(
            stream_id=0, last_stream_id=last, error_code=0, additional_data=b'{"reason":"Shutdown"}'
        )
        self._sock.sendall(frame.serialize())
        self._leaving = True


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()


def read_topics(certificate: bytes) -> frozenset[str]:
    """The Subject UIDs of a DER client certificate."""
    if not certificate:
        return frozenset()
    subject = x509.load_der_x509_certificate(certificate).subject
    return frozenset(str(each.value) for each in subject.get_attributes_for_oid(NameOID.USER_ID))
