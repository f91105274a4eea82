"""How many pushes may be on the way over one connection: fewer, and later, where APNs has trouble.

An answer of 5xx, or none, rests the connection; 429 speaks of one device, and several in a row of
the connection after all. After the rest a single push tries, and each success doubles the number.
Moments are seconds of any clock that does not go back.
"""

from devices.protocol.apns import TOO_MANY, PushAnswer, Verdict

LONGEST_PAUSE = 120.0
LONGEST_ASKED = 900.0
MANY_IN_A_ROW = 5


class Pace:
    """`limit` streams at once, up to `most`; none before the rest is over."""

    def __init__(self, *, most: int) -> None:
        self.limit = self._most = most
        self._pause = 0.0
        self._rest_until = 0.0
        self._too_many = 0

    def find_rest(self, now: float) -> float:
        """Return how many seconds of rest are left, 0 for none."""
        return max(0.0, self._rest_until - now)

    def note(self, answer: PushAnswer, *, now: float) -> None:
        """Learn from an answer of APNs, or from its absence."""
        if now < self._rest_until:
            return  # it was on the way before the trouble was known
        if answer.verdict != Verdict.TRY_LATER:
            self._pause, self._too_many = 0.0, 0
            self.limit = min(self.limit * 2, self._most)
            return
        self._too_many += 1
        if answer.status != TOO_MANY or self._too_many >= MANY_IN_A_ROW:
            self.slow_down(now=now, asked=answer.retry_after)

    def slow_down(self, *, now: float, asked: float = 0.0) -> None:
        """Rest, each time in a row twice as long; `asked`: what Retry-After says, in seconds."""
        self._pause = min(max(1.0, 2 * self._pause), LONGEST_PAUSE)
        self._rest_until = now + max(self._pause, min(asked, LONGEST_ASKED))
        self._too_many, self.limit = 0, 1
