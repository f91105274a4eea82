"""Reads of the organization's rows that more than one door needs."""

from collections import Counter
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Generic, TypeVar

from organization.errors import NotSetUp
from organization.models import Organization, PreparedSelect

Key = TypeVar("Key")
FIRST_ORGANIZATION = PreparedSelect(lambda: Organization.objects.order_by("id")[:1])


def get_organization() -> Organization:
    """Return the server's organization; raises NotSetUp before the first-time set-up."""
    organization = FIRST_ORGANIZATION.first()
    if organization is None:
        raise NotSetUp("run manage.py bootstrap")
    return organization


class Counts(Generic[Key]):
    """How many rows there are of each kind. Counting reads them all: of MANY it is seldom."""

    MANY, SECONDS = 10_000, 10.0

    def __init__(self, count: Callable[[], Iterable[tuple[Key, int]]]) -> None:
        self._count = count
        self._last: tuple[float, Counter[Key]] = (0.0, Counter())

    def get(self) -> Counter[Key]:
        counted_at, counts = self._last
        if counts.total() <= self.MANY or monotonic() - counted_at > self.SECONDS:
            counts = Counter(dict(self._count()))
            self._last = monotonic(), counts
        return Counter(counts)
