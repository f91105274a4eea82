"""Pushes: take in hand what was asked for, send it all over one connection, write the answers.

The loop never waits for one device: while some pushes are on the way, others are taken in hand
and the answers that came are written.
"""

import time
from collections.abc import Callable
from datetime import datetime

from django.utils import timezone

from devices.models import PushCertificate
from devices.selectors import find_push_certificate, is_refused
from devices.services.apns.channel import Channel, build_key, drop_channel, get_channel
from devices.services.push.alarms import PUSH_FAILED
from devices.services.push.claims import SPACING, Claim, claim_pushes, find_requested
from devices.services.push.outcomes import Outcomes
from devices.services.push.sources import SOURCES
from devices.services.push.stops import (
    Stop,
    accept_certificate,
    find_stop,
    refuse_certificate,
    stop_other_topics,
    stop_topic,
)

# A task that has pushed for so long makes room for others; it goes on behind them.
DRAIN_SECONDS = 20.0
# Rows are worth a transaction from so many on, or after so many seconds.
CLAIM_AT, CLAIM_SECONDS = 100, 0.1
# A rest that APNs asks for is waited for, if it is no longer.
SHORT_REST = 3.0
TURN_SECONDS = 0.1
# A row that another transaction holds, mostly for milliseconds, is looked at again so often.
HELD_SECONDS, MOST_LOOKS = 0.05, 10

Clock = Callable[[], datetime]


def send_pushes(*, clock: Clock = timezone.now) -> "PushReport":
    """Push to every device that it was asked for, for DRAIN_SECONDS at most."""
    report = PushReport()
    until = time.monotonic() + DRAIN_SECONDS
    stop_other_topics(now=clock())
    while time.monotonic() < until:
        certificate = find_push_certificate()
        if certificate is None or find_stop(certificate, now=clock()):
            return report
        drain = _Drain(certificate, until=until, clock=clock)
        drain.run()
        report.add(drain)
        if not drain.is_replaced:
            return report
    report.has_more = True
    return report


class PushReport:
    """How many pushes APNs took, whether it called tokens dead, whether time ran out.

    `has_soon`: some that were asked for could not be taken in hand yet, but can in a second.
    """

    def __init__(self) -> None:
        self.delivered = 0
        self.has_dead = self.has_more = self.has_soon = False

    def add(self, drain: "_Drain") -> None:
        self.delivered += drain.outcomes.delivered
        self.has_dead |= drain.outcomes.has_dead
        self.has_more |= drain.is_out_of_time
        self.has_soon |= drain.has_soon


class _Drain:
    """One certificate's pushes until none is left, the time is over, or nothing goes."""

    def __init__(self, certificate: PushCertificate, *, until: float, clock: Clock) -> None:
        self._certificate, self._until, self._clock = certificate, until, clock
        self._channel: Channel = get_channel(certificate)
        self._is_probing = is_refused(certificate)
        self._claimed_at = 0.0
        self.outcomes = Outcomes()
        self.is_replaced = self.is_out_of_time = self.has_soon = False
        self._looks = 0

    def run(self) -> None:
        while self._may_go_on():
            taken = self._take()
            if not taken and not self._channel.in_flight:
                # What is written late may have been asked for again, and went unseen until now.
                is_late = self.outcomes.finish(now=self._clock())
                if not (is_late or self._wait_for_rest() or self._wait_for_holders()):
                    break
                continue
            self._looks = 0
            for claim, answer in self._channel.exchange(TURN_SECONDS):
                self.outcomes.add(claim, answer)
            if self.outcomes.is_due or not self._channel.in_flight:
                self.outcomes.write(now=self._clock())
        self._finish()

    def _may_go_on(self) -> bool:
        """Whether to take pushes, or to wait for those on the way."""
        self.is_out_of_time = time.monotonic() >= self._until
        return bool(self._channel.in_flight) or not (
            self.is_out_of_time or self.is_replaced or self._channel.refusal
        )

    def _take(self) -> int:
        """Take in hand and send as many as there is room for; return how many."""
        if self.is_out_of_time or self.is_replaced or self._channel.refusal:
            return 0
        room = self._channel.find_room()
        if self._is_probing and not self.outcomes.delivered:
            room = 0 if self._channel.in_flight else min(room, 1)
        waited = time.monotonic() - self._claimed_at >= CLAIM_SECONDS
        if not room or (self._channel.in_flight and room < CLAIM_AT and not waited):
            return 0
        if self._is_stale():
            return 0
        claims = self._claim(room)
        for claim in claims:
            self._channel.send(claim, claim.build_request(), apart=claim.is_apart)
        return len(claims)

    def _is_stale(self) -> bool:
        """Whether another certificate is in use by now."""
        current = find_push_certificate()
        self.is_replaced = current is None or build_key(current) != self._channel.key
        return self.is_replaced

    def _claim(self, room: int) -> list[Claim]:
        claims: list[Claim] = []
        for source in SOURCES:
            left = room - len(claims)
            if left:
                claims += claim_pushes(
                    source, topic=self._certificate.topic, limit=left, now=self._clock()
                )
        self._claimed_at = time.monotonic()
        return claims

    def _wait_for_rest(self) -> bool:
        """Wait where APNs wants a short rest and there is something to push after it."""
        rest = self._channel.rest
        if not rest or self._channel.trouble or rest > SHORT_REST:
            return False
        if not self._is_requested(by=self._clock()):
            return False
        time.sleep(rest)
        return True

    def _wait_for_holders(self) -> bool:
        """Wait a moment where a row could be taken but for another transaction that holds it."""
        if self._looks >= MOST_LOOKS or not self._channel.find_room():
            return False
        if not self._is_requested(by=self._clock()):
            return False
        self._looks += 1
        time.sleep(HELD_SECONDS)
        return True

    def _is_requested(self, *, by: datetime) -> bool:
        """Whether anything that was asked for can be pushed, or will be by then."""
        topic = self._certificate.topic
        found = (find_requested(source, now=by).filter(push_topic=topic) for source in SOURCES)
        return any(rows.exists() for rows in found)

    def _finish(self) -> None:
        self.outcomes.finish(now=self._clock())
        channel, topic = self._channel, self._certificate.topic
        if self.outcomes.delivered:
            accept_certificate(self._certificate)
        if channel.refusal:
            drop_channel(channel)
            refuse_certificate(self._certificate, reason=channel.refusal, now=self._clock())
        elif channel.trouble:
            stop_topic(topic, stop=Stop(PUSH_FAILED, channel.trouble))
        elif not self.is_replaced:
            self.has_soon = self._is_requested(by=self._clock() + SPACING)
