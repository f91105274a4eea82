"""Pushes with one push certificate, many at once: repeated, slowed down, reconnected.

Each process has one channel for each certificate and keeps its connection open.
"""

import hashlib
import os
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from django.conf import settings

from devices.models import PushCertificate
from devices.protocol.apns import PushAnswer, PushRequest, Verdict
from devices.protocol.apns_streams import MOST_STREAMS
from devices.protocol.pace import Pace
from devices.services.apns_connection import CertificateRefused, ConnectionLost
from devices.services.apns_line import Flight, Landing, Line
from devices.services.apns_tls import build_tls_context

# What was not answered on one connection is sent again on the next, so often in all.
TRIES = 3
# So many connections in a row that gave no answer: APNs is given a rest.
FRUITLESS = 2

_channels: dict[tuple[int, str], "Channel"] = {}


class Channel:
    """Pushes on the way, over one connection and those that APNs is closing.

    `refusal`: why APNs does not take the certificate, which ends the channel; `trouble`: why it
    cannot be reached now. Both are empty while all is well.
    """

    def __init__(self, certificate: PushCertificate) -> None:
        self.key = build_key(certificate)
        self.refusal = self.trouble = ""
        self._context = build_tls_context(certificate)
        self._line: Line | None = None
        self._leaving: list[Line] = []
        self._again: deque[Flight] = deque()
        self._landed: list[tuple[Any, PushAnswer]] = []
        self._pace = Pace(most=MOST_STREAMS)
        self._fruitless = 0

    @property
    def in_flight(self) -> int:
        """How many pushes are on the way, or back and not yet told."""
        flying = sum(line.in_flight for line in self._list_lines())
        return flying + len(self._again) + len(self._landed)

    @property
    def rest(self) -> float:
        """Seconds until pushes may be sent again."""
        return self._pace.find_rest(time.monotonic())

    def find_room(self) -> int:
        """Return how many pushes may be sent now; connects where that is needed."""
        line = self._find_line()
        if line and not line.room and not line.in_flight:
            self._exchange_lines(0)  # where nothing is on the way, nobody hears that there is room
            line = self._line
        if line is None:
            return 0
        return max(0, min(line.room, self._pace.limit - line.in_flight) - len(self._again))

    def send(self, key: Any, request: PushRequest) -> None:
        """Put a push on its way; `key` comes back with its answer."""
        self._again.append(Flight(key, request))
        self._send_waiting()

    def exchange(self, seconds: float) -> list[tuple[Any, PushAnswer]]:
        """Return the pushes that were answered, or given up, within `seconds`."""
        self._send_waiting()
        if not self._list_lines():
            if not self._landed:
                time.sleep(seconds if self.rest else min(seconds, 0.05))
        elif not self._landed:
            self._exchange_lines(seconds)
        landed, self._landed = self._landed, []
        return landed

    def close(self) -> None:
        for line in self._list_lines():
            line.close()
        self._line, self._leaving = None, []

    def _list_lines(self) -> list[Line]:
        return [*self._leaving, *([self._line] if self._line else [])]

    def _exchange_lines(self, seconds: float) -> None:
        lines = self._list_lines()
        for line in lines:
            # The last one waits, and is the one for new pushes where there is such a one.
            self._land(line.exchange(seconds if line is lines[-1] else 0))
            if line.loss:
                self._note_loss(line.loss)
        for line in [each for each in lines if each.loss or not each.is_usable]:
            self._leave(line)

    def _leave(self, line: Line) -> None:
        """Nothing more is sent on it; it is closed when its last push is answered."""
        if line is self._line:
            self._line = None
            self._leaving.append(line)
        if not line.in_flight:
            self._leaving.remove(line)
            line.close()

    def _land(self, landings: Iterable[Landing]) -> None:
        now = time.monotonic()
        for each in landings:
            if each.answer is None:
                self._repeat(each.flight, reason=each.reason)
                continue
            self._pace.note(each.answer, now=now)
            if each.answer.verdict == Verdict.CERTIFICATE_BAD:
                self.refusal = each.answer.reason
            if each.answer.status:
                self._fruitless, self.trouble = 0, ""
            self._landed.append((each.flight.key, each.answer))

    def _repeat(self, flight: Flight, *, reason: str) -> None:
        if flight.tries < TRIES:
            self._again.append(flight)
        else:
            self._landed.append((flight.key, PushAnswer(Verdict.TRY_LATER, reason)))

    def _send_waiting(self) -> None:
        line = self._find_line()
        while line and self._again and line.room and line.in_flight < self._pace.limit:
            line.send(self._again.popleft())

    def _find_line(self) -> Line | None:
        """Return a connection that takes pushes; None at rest, or where there cannot be one."""
        if self.refusal or self.rest:
            self._give_up_waiting()
            return None
        if self._line and not self._line.is_usable:
            self._leave(self._line)
        if self._line is None:
            self._connect()
        return self._line

    def _connect(self) -> None:
        while self._line is None and not self.rest:
            try:
                self._line = Line(self._context)
                self.trouble = ""
            except ConnectionLost as loss:
                self._note_loss(loss)
            if self.refusal:
                break
        if self._line is None:
            self._give_up_waiting()

    def _note_loss(self, loss: ConnectionLost) -> None:
        if isinstance(loss, CertificateRefused):
            self.refusal = str(loss)
            return
        self._fruitless += 1
        if self._fruitless >= FRUITLESS:
            self.trouble = str(loss)
            self._pace.slow_down(now=time.monotonic())

    def _give_up_waiting(self) -> None:
        """What waits to be sent again will wait too long: its sender decides."""
        verdict = Verdict.CERTIFICATE_BAD if self.refusal else Verdict.TRY_LATER
        answer = PushAnswer(verdict, self.refusal or self.trouble or "APNs asks for a rest")
        self._landed += [(flight.key, answer) for flight in self._again]
        self._again.clear()


def get_channel(certificate: PushCertificate) -> Channel:
    """Return this process's channel for the certificate; those of replaced ones are closed."""
    key = build_key(certificate)
    for pid, known in list(_channels):
        if pid != os.getpid():
            del _channels[pid, known]  # the parent's, whose sockets are not ours to close
        elif known != key:
            _channels.pop((pid, known)).close()
    channel = _channels.get((os.getpid(), key))
    if channel is None:
        channel = _channels[os.getpid(), key] = Channel(certificate)
    return channel


def drop_channel(channel: Channel) -> None:
    """Close it; the next push with its certificate begins anew."""
    _channels.pop((os.getpid(), channel.key), None)
    channel.close()


def build_key(certificate: PushCertificate) -> str:
    """What a channel was made for: another value needs another channel."""
    fingerprint = hashlib.sha256(bytes(certificate.certificate or b"")).hexdigest()
    return f"{fingerprint} {settings.APNS_HOST}:{settings.APNS_PORT} {settings.APNS_CA}"
