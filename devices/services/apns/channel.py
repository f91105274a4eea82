"""Pushes with one push certificate, many at once: repeated, slowed down, reconnected.

Each process has one channel for each certificate and keeps its connection open.
"""

import hashlib
import os
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings

from devices.models import PushCertificate
from devices.protocol.apns import SHUTDOWN, PushAnswer, PushRequest, Verdict
from devices.protocol.apns_streams import MOST_STREAMS
from devices.protocol.pace import Pace
from devices.services.apns.connection import CertificateRefused, ConnectionLost
from devices.services.apns.line import Flight, Landing, Line
from devices.services.apns.suspects import AT_THIS_PUSH, Suspects
from devices.services.apns.tls import build_tls_context

# A push that APNs has not processed is sent again, so often in all.
TRIES = 3
# So many connections in a row that were in vain, or were lost with a single push on the way, and
# APNs is given a rest.
FRUITLESS, LOST_ALONE = 2, 8
# So many refusals of the certificate in a row are believed, where APNs has taken pushes with it.
BELIEVED = 3
# What could not be sent for so long is its sender's again, who has it in hand for LEASE.
LONGEST_SECONDS = 30.0

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
        self._suspects = Suspects()
        self._landed: list[tuple[Any, PushAnswer]] = []
        self._pace = Pace(most=MOST_STREAMS)
        self._fruitless = self._lost_alone = self._refusals = 0
        self._is_accepted = False

    @property
    def in_flight(self) -> int:
        """How many pushes are on the way, or back and not yet told."""
        flying = sum(line.in_flight for line in self._list_lines())
        return flying + len(self._again) + self._suspects.waiting + len(self._landed)

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
        if line is None or self._suspects.is_busy:
            return 0
        return max(0, min(line.room, self._pace.limit - line.in_flight) - len(self._again))

    def send(self, key: Any, request: PushRequest, *, apart: bool = False) -> None:
        """Put a push on its way, alone if it has to be; `key` comes back with its answer."""
        if apart:
            self._suspects.add_known(Flight(key, request))
        else:
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
            landings = line.exchange(seconds if line is lines[-1] else 0)
            self._land(landings)
            if any(each.answer and each.answer.reason == SHUTDOWN for each in landings):
                line.retire()
            lost = [each for each in landings if each.is_lost]
            if line.loss or lost:
                loss = line.loss or ConnectionLost(lost[0].reason)
                self._note_loss(loss, lost=[each.flight for each in lost])
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
            self._suspects.settle(each.flight)
            if each.answer is None or each.answer.reason == SHUTDOWN:
                if not each.is_lost:
                    self._repeat(each.flight, reason=each.reason or SHUTDOWN)
                continue
            self._pace.note(each.answer, now=now)
            if each.answer.status:
                self._fruitless, self._lost_alone, self.trouble = 0, 0, ""
            self._landed.append((each.flight.key, self._weigh(each.answer)))

    def _weigh(self, answer: PushAnswer) -> PushAnswer:
        """Believe that the certificate is refused, or take one odd answer for the push's trouble.

        All pushes go with the same certificate for the same topic: APNs takes all of them or none.
        """
        if answer.verdict == Verdict.DELIVERED:
            self._is_accepted, self._refusals = True, 0
        if answer.verdict != Verdict.CERTIFICATE_BAD:
            return answer
        self._refusals += 1
        if self._is_accepted and self._refusals < BELIEVED:
            return replace(answer, verdict=Verdict.TRY_LATER)
        self.refusal = answer.reason
        return answer

    def _repeat(self, flight: Flight, *, reason: str) -> None:
        if flight.tries < TRIES:
            self._again.append(flight)
        else:
            self._give_up([flight], PushAnswer(Verdict.TRY_LATER, reason))

    def _give_up(self, flights: Iterable[Flight], answer: PushAnswer) -> None:
        self._landed += [(flight.key, answer) for flight in flights]

    def _send_waiting(self) -> None:
        line = self._find_line()
        if self._suspects.is_busy:
            self._send_suspects(line)
            return
        while line and self._again and line.room and line.in_flight < self._pace.limit:
            line.send(self._again.popleft())

    def _send_suspects(self, line: Line | None) -> None:
        """Send the next few once nothing is on the way; all else waits for them."""
        late = self._suspects.drop(sent_before=time.monotonic() - LONGEST_SECONDS)
        self._give_up(
            late, PushAnswer(Verdict.TRY_LATER, "the connection was lost again and again")
        )
        if line and not line.in_flight:
            for flight in self._suspects.take(min(line.room, self._pace.limit)):
                line.send(flight)

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

    def _note_loss(self, loss: ConnectionLost, *, lost: Sequence[Flight] = ()) -> None:
        if isinstance(loss, CertificateRefused):
            self.refusal = str(loss)
        guilty = self._suspects.add(lost)
        self._give_up(guilty, self._accuse())
        if self.refusal or guilty or len(lost) > 1:
            return  # it may be for the sake of one push
        self._fruitless += not lost
        self._lost_alone += len(lost)
        if self._fruitless >= FRUITLESS or self._lost_alone >= LOST_ALONE:
            self.trouble = str(loss)
            self._pace.slow_down(now=time.monotonic())

    def _give_up_waiting(self) -> None:
        """What waits to be sent again will wait too long: its sender decides."""
        verdict = Verdict.CERTIFICATE_BAD if self.refusal else Verdict.TRY_LATER
        answer = PushAnswer(verdict, self.refusal or self.trouble or "APNs asks for a rest")
        for flight in [*self._again, *self._suspects.drop(sent_before=time.monotonic())]:
            self._give_up([flight], self._accuse() if flight.losses_alone else answer)
        self._again.clear()

    def _accuse(self) -> PushAnswer:
        """What is said of a push that loses its connection alone: next time it goes apart."""
        if self.refusal:
            return PushAnswer(Verdict.CERTIFICATE_BAD, self.refusal)
        return PushAnswer(Verdict.TRY_LATER, AT_THIS_PUSH)


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
