"""What an attempt has come to, and when the next one is."""

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720))
"""Between one attempt and the next; after the last there is none."""
MOST_ATTEMPTS = len(PAUSES) + 1
GONE = HTTPStatus.GONE
# Not about the message: any other would be answered the same.
BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass(frozen=True)
class Outcome:
    """What a receiver answered: `status` is None where none came, and `error` then says why."""

    status: int | None = None
    error: str = ""

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """The receiver wants no message any more."""
        return self.status == GONE

    @property
    def is_down(self) -> bool:
        """The receiver takes no message at present, this one or another."""
        return self.status is None or self.status >= 500 or self.status in BUSY

    def describe(self) -> str:
        """Return the failure in words, "" where there is none."""
        if self.status is None or self.is_delivered:
            return self.error
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            return f"the receiver answered {self.status}"
        return f"the receiver answered {self.status} {phrase}"


def get_pause(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts have failed; at least one."""
    return PAUSES[min(attempts, len(PAUSES)) - 1]
