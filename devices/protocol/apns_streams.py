"""One HTTP/2 connection to APNs without its socket: bytes in, ended streams out.

Source: RFC 9113; Apple, "Sending notification requests to APNs". The work of HTTP/2 is h2's, but
for GOAWAY, after which h2 takes no frame any more: it is read here, before h2 sees it, because
the streams up to its last one are still answered.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from hpack import NeverIndexedHeaderTuple

from devices.protocol.apns import PushAnswer, PushRequest, decode_answer

FRAME_HEAD, GOAWAY_FRAME = 9, 7
LARGEST_FRAME = 16_384  # our own SETTINGS_MAX_FRAME_SIZE, the default
LAST_STREAM = 2**31 - 1
# More streams at once cost more CPU for each, and 250 at 50 ms are 5,000 a second.
MOST_STREAMS = 250
MOST_ANSWER = 4096


class ConnectionBroken(Exception):
    """The peer speaks no HTTP/2 that can be understood; nothing more is to be had from it."""


@dataclass(frozen=True)
class Ended:
    """A stream that is over. No answer: APNs has not answered it and will not, for `reason`.

    `is_turned_away`: by a GOAWAY, unprocessed.
    """

    stream_id: int
    answer: PushAnswer | None
    reason: str = ""
    is_turned_away: bool = False


@dataclass
class _Reply:
    status: int = 0
    retry_after: str = ""
    body: bytearray = field(default_factory=bytearray)


class Streams:
    """Pushes on the way over one connection; a client preface is in the first output."""

    def __init__(self, authority: str) -> None:
        self._authority = authority
        self._h2 = H2Connection(
            H2Configuration(
                header_encoding=None,
                # What goes out is made below, in order and in lower case.
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._h2.initiate_connection()
        self._received = bytearray()
        self._replies: dict[int, _Reply] = {}
        self._held_bodies: dict[int, bytes] = {}  # the peer's window has no room for them yet
        self._last_stream = LAST_STREAM
        self.is_ready = False
        self.is_closing = False
        self.close_reason = ""

    @property
    def room(self) -> int:
        """How many more pushes may be opened now."""
        if not self.is_ready or self.is_closing or self._held_bodies:
            return 0
        if self._h2.highest_outbound_stream_id >= LAST_STREAM - 2:
            return 0
        allowed = min(self._h2.remote_settings.max_concurrent_streams, MOST_STREAMS)
        return max(0, allowed - self.in_flight)

    @property
    def in_flight(self) -> int:
        return len(self._replies)

    @property
    def is_exhausted(self) -> bool:
        """Nothing more can be sent here: another connection has to be made."""
        return self.is_closing or self._h2.highest_outbound_stream_id >= LAST_STREAM - 2

    def open(self, request: PushRequest) -> int:
        """Send a push and return its stream's id; only where there is room."""
        stream_id = self._h2.get_next_available_stream_id()
        self._h2.send_headers(stream_id, self._build_headers(request))
        self._replies[stream_id] = _Reply()
        self._send_body(stream_id, request.body)
        return stream_id

    def cancel(self, stream_id: int) -> None:
        """Give a stream up; its answer is not wanted any more."""
        if self._replies.pop(stream_id, None) is not None:
            self._held_bodies.pop(stream_id, None)
            self._h2.reset_stream(stream_id, ErrorCodes.CANCEL)

    def ping(self) -> None:
        self._h2.ping(b"guardmdm")

    def take_output(self) -> bytes:
        return self._h2.data_to_send()

    def receive(self, data: bytes) -> list[Ended]:
        """Take what has come and return the streams that it ended; raises ConnectionBroken."""
        ended: list[Ended] = []
        self._received += data
        try:
            for frames in self._split():
                for event in self._h2.receive_data(frames):
                    ended += self._handle(event)
        except ProtocolError as error:
            raise ConnectionBroken(f"{type(error).__name__}: {error}") from error
        if self.is_closing:
            ended += self._end_unprocessed()
        return ended

    def _split(self) -> Iterator[bytes]:
        """Yield whole frames, as many together as possible; GOAWAY is kept back and read."""
        start = at = 0
        received = self._received
        while len(received) - at >= FRAME_HEAD:
            size = int.from_bytes(received[at : at + 3], "big")
            if size > LARGEST_FRAME:
                raise ConnectionBroken(f"a frame of {size} bytes, or no HTTP/2 at all")
            end = at + FRAME_HEAD + size
            if end > len(received):
                break
            if received[at + 3] == GOAWAY_FRAME:
                yield bytes(received[start:at])
                self._go_away(bytes(received[at + FRAME_HEAD : end]))
                start = end
            at = end
        whole = bytes(received[start:at])
        del received[:at]
        yield whole

    def _go_away(self, payload: bytes) -> None:
        self.is_closing = True
        last = int.from_bytes(payload[:4], "big") & LAST_STREAM
        self._last_stream = min(self._last_stream, last)
        self.close_reason = f"GOAWAY {payload[8:108].decode(errors='replace')}".strip()

    def _end_unprocessed(self) -> Iterator[Ended]:
        for stream_id in [each for each in self._replies if each > self._last_stream]:
            del self._replies[stream_id]
            self._held_bodies.pop(stream_id, None)
            yield Ended(stream_id, None, self.close_reason, is_turned_away=True)

    def _handle(self, event: Event) -> Iterator[Ended]:
        stream_id = getattr(event, "stream_id", 0) or 0
        reply = self._replies.get(stream_id)
        if isinstance(event, ResponseReceived) and reply:
            _read_headers(reply, event)
        elif isinstance(event, DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream_id)
            if reply and len(reply.body) < MOST_ANSWER:
                reply.body += event.data or b""
        elif isinstance(event, StreamEnded) and reply:
            answer = decode_answer(reply.status, bytes(reply.body), retry_after=reply.retry_after)
            if stream_id in self._held_bodies:  # it did not want to hear the rest
                self.cancel(stream_id)
            self._replies.pop(stream_id, None)
            yield Ended(stream_id, answer)
        elif isinstance(event, StreamReset) and reply:
            del self._replies[stream_id]
            self._held_bodies.pop(stream_id, None)
            yield Ended(stream_id, None, f"stream reset: {_name_error(event)}")
        elif isinstance(event, RemoteSettingsChanged | WindowUpdated):
            self.is_ready = self.is_ready or isinstance(event, RemoteSettingsChanged)
            self._release_bodies()

    def _build_headers(self, request: PushRequest) -> list[Any]:
        return [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", self._authority),
            # Each is another: it would only push the other headers out of the table.
            NeverIndexedHeaderTuple(":path", request.path),
            *request.headers.items(),
        ]

    def _send_body(self, stream_id: int, body: bytes) -> None:
        if len(body) <= self._h2.local_flow_control_window(stream_id):
            self._h2.send_data(stream_id, body, end_stream=True)
        else:
            self._held_bodies[stream_id] = body

    def _release_bodies(self) -> None:
        held, self._held_bodies = self._held_bodies, {}
        for stream_id, body in held.items():
            self._send_body(stream_id, body)


def _read_headers(reply: _Reply, event: ResponseReceived) -> None:
    for name, value in event.headers or ():
        if name == b":status":
            reply.status = int(value) if value.isdigit() else 0
        elif name == b"retry-after":
            reply.retry_after = bytes(value).decode(errors="replace")


def _name_error(event: StreamReset) -> str:
    code = event.error_code
    return code.name if isinstance(code, ErrorCodes) else str(code)
