"""The pushes on the way over one connection: which is whose, and how long each may take."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any

from devices.protocol.apns import PushAnswer, PushRequest, Verdict
from devices.services.apns.connection import Connection, ConnectionLost

ANSWER_SECONDS = 10.0
LATE = PushAnswer(Verdict.TRY_LATER, f"no answer within {ANSWER_SECONDS:.0f} seconds")


@dataclass(eq=False)
class Flight:
    """One push and how often it was sent; `key` is the sender's own.

    `losses_alone`: how often the connection was lost while nothing else was on the way over it.
    """

    key: Any
    request: PushRequest
    tries: int = 0
    losses_alone: int = 0
    began_at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Landing:
    """The end of a flight. No answer: it has to be sent again, for `reason`.

    `is_lost`: with its connection, so APNs may have taken it nevertheless.
    """

    flight: Flight
    answer: PushAnswer | None
    reason: str = ""
    is_lost: bool = False


class Line:
    """A connection and its flights; raises ConnectionLost when made. `loss`: how it ended."""

    def __init__(self, context: SSLContext) -> None:
        self._connection = Connection(context)
        self._flights: dict[int, tuple[Flight, float]] = {}
        self._closed_since: float | None = None
        self._is_retired = False
        self.loss: ConnectionLost | None = None

    @property
    def in_flight(self) -> int:
        return len(self._flights)

    @property
    def room(self) -> int:
        return self._connection.streams.room

    @property
    def is_usable(self) -> bool:
        """Whether more may be sent on it."""
        if self.loss is None and not self._is_retired:
            try:
                return self._connection.is_usable
            except ConnectionLost as loss:
                self.loss = loss
        return False

    def send(self, flight: Flight) -> None:
        flight.tries += 1
        stream_id = self._connection.streams.open(flight.request)
        self._flights[stream_id] = flight, time.monotonic() + ANSWER_SECONDS

    def exchange(self, seconds: float) -> list[Landing]:
        """Send and receive for `seconds` at the most; return what has landed."""
        landed: list[Landing] = []
        try:
            for ended in self._connection.exchange(min(seconds, self._find_next_deadline())):
                flight, _ = self._flights.pop(ended.stream_id)
                # Once is a server that shuts down; more often, it may be for the sake of one push.
                is_lost = ended.is_turned_away and flight.tries > 1
                landed.append(Landing(flight, ended.answer, ended.reason, is_lost=is_lost))
        except ConnectionLost as loss:
            self.loss = loss
            lost = [flight for flight, _ in self._flights.values()]
            landed += [Landing(flight, None, str(loss), is_lost=True) for flight in lost]
            self._flights.clear()
        landed += self._give_up_late()
        self._note_closed()
        return landed

    def retire(self) -> None:
        """Send nothing more on it: APNs' server is shutting down."""
        self._is_retired = True

    def close(self) -> None:
        self._connection.close()

    def _note_closed(self) -> None:
        """APNs may allow no streams for a while; whoever waits for one waits no longer than this.

        RFC 9113, section 6.5.2, on SETTINGS_MAX_CONCURRENT_STREAMS: 0.
        """
        if self.loss or self.room or self._flights:
            self._closed_since = None
            return
        now = time.monotonic()
        self._closed_since = self._closed_since or now
        if now - self._closed_since > ANSWER_SECONDS:
            self.loss = ConnectionLost("APNs allows no pushes on the connection")

    def _find_next_deadline(self) -> float:
        """Return in how many seconds the oldest flight is late."""
        deadline = next(iter(self._flights.values()), (None, float("inf")))[1]
        return max(0.0, deadline - time.monotonic())

    def _give_up_late(self) -> Iterator[Landing]:
        now = time.monotonic()
        while self._flights:
            stream_id, (flight, deadline) = next(iter(self._flights.items()))
            if deadline > now:
                return
            del self._flights[stream_id]
            self._connection.streams.cancel(stream_id)
            yield Landing(flight, LATE)
