"""One HTTP/2 connection of the fake APNs, on its own thread."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.x509.oid import NameOID
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from .answers import Answer, PushRequest

READ_SIZE = 65_536


@dataclass
class Exchange:
    """A request while it arrives."""

    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True)
class Door:
    """What the server lends a connection.

    answer gives the answer and the apns-id; take_disturbance the next disturbance
    ("goaway", "reset", "close") or None.
    """

    answer: Callable[[PushRequest], tuple[Answer, str]]
    take_disturbance: Callable[[], str | None]


class Connection:
    """Reads requests and answers them until either side closes."""

    def __init__(self, sock: ssl.SSLSocket, *, door: Door, max_streams: int) -> None:
        self._sock = sock
        self._door = door
        self._topics = read_topics(sock.getpeercert(binary_form=True) or b"")
        self._exchanges: dict[int, Exchange] = {}
        self._open = True
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
        self._h2.initiate_connection()
        self._flush()
        while self._open:
            data = self._sock.recv(READ_SIZE)
            if not data:
                return
            try:
                received = self._h2.receive_data(data)
            except ProtocolError:
                self._flush()
                return
            for event in received:
                self._handle(event)
            self._flush()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self._sock.sendall(data)

    def _handle(self, event: events.Event) -> None:
        if not self._open:
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
        disturbance = self._door.take_disturbance()
        if disturbance is None:
            self._reply(stream_id, exchange)
        else:
            self._disturb(disturbance, stream_id)

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
        self._h2.send_headers(stream_id, reply, end_stream=not body)
        if body:
            self._h2.send_data(stream_id, body, end_stream=True)

    def _disturb(self, disturbance: str, stream_id: int) -> None:
        """The request is not processed: a correct client sends it again."""
        if disturbance == "reset":
            self._h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
            return
        if disturbance == "goaway":
            # The last stream that was processed is the one before.
            self._h2.close_connection(
                ErrorCodes.NO_ERROR, b'{"reason":"Shutdown"}', max(stream_id - 2, 0)
            )
            self._flush()
        self._open = False


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()


def read_topics(certificate: bytes) -> frozenset[str]:
    """The Subject UIDs of a DER client certificate."""
    if not certificate:
        return frozenset()
    subject = x509.load_der_x509_certificate(certificate).subject
    return frozenset(str(each.value) for each in subject.get_attributes_for_oid(NameOID.USER_ID))
