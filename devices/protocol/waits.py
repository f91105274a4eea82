"""How long something is left in peace after it was in vain."""

from datetime import timedelta

LONGEST_WAIT = timedelta(hours=6)
MOST_DOUBLINGS = 12


def build_wait(first: timedelta, *, attempts: int, longest: timedelta = LONGEST_WAIT) -> timedelta:
    """Return `first`, doubled with every attempt so far, `longest` at most."""
    return min(first * 2 ** min(attempts, MOST_DOUBLINGS), longest)
