"""Pushes whose connection was lost: one of them may be the reason, and is found apart.

At some tokens APNs ends the connection. Whoever sends all again that was on the way over it meets
the same end with all of it. Here one goes alone after each loss, and more while that goes well, so
the others are through within seconds.
"""

import random
from collections.abc import Sequence
from itertools import takewhile

from devices.services.apns.line import Flight

# What has lost its connection so often with nothing else on the way is itself the reason.
MOST_ALONE = 2
AT_THIS_PUSH = "APNs ends the connection at this push"
GROWTH = 4


class Suspects:
    """Nothing else is on the way on their connection while there are any."""

    def __init__(self) -> None:
        self._waiting: list[Flight] = []
        self._flying: set[Flight] = set()
        self._size = 1

    @property
    def is_busy(self) -> bool:
        return bool(self._waiting or self._flying)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def add(self, lost: Sequence[Flight]) -> list[Flight]:
        """Take what was on the way together; return what it is known of now that it is to blame."""
        if len(lost) == 1:
            lost[0].losses_alone += 1
        guilty = [flight for flight in lost if flight.losses_alone >= MOST_ALONE]
        self._waiting += [flight for flight in lost if flight.losses_alone < MOST_ALONE]
        # By lot, or two of them side by side would look like an APNs that takes nothing.
        random.shuffle(self._waiting)
        self._waiting.sort(key=lambda flight: flight.losses_alone)
        self._size = 1
        return guilty

    def add_known(self, flight: Flight) -> None:
        """Take one that was to blame before: it gets one chance, alone, behind the others."""
        flight.losses_alone = MOST_ALONE - 1
        self._waiting.append(flight)

    def take(self, room: int) -> list[Flight]:
        """Return what may go next, now that nothing is on the way."""
        if room < 1:
            return []
        most = min(self._size, room)
        unblemished = list(takewhile(lambda each: not each.losses_alone, self._waiting))
        group = (unblemished or self._waiting[:1])[:most]
        del self._waiting[: len(group)]
        self._flying.update(group)
        self._size *= GROWTH
        return group

    def settle(self, flight: Flight) -> None:
        """It was answered, or its connection was lost."""
        self._flying.discard(flight)

    def drop(self, *, sent_before: float) -> list[Flight]:
        """Give up those that were first sent before this moment; return them."""
        dropped = [flight for flight in self._waiting if flight.began_at <= sent_before]
        self._waiting = [flight for flight in self._waiting if flight.began_at > sent_before]
        return dropped
