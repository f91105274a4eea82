"""Reads of the organization's rows that more than one door needs."""

from collections import Counter
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Generic, TypeVar

from django.db.models import QuerySet

from organization.errors import NotSetUp
from organization.models import Organization, PreparedSelect

Key = TypeVar("Key")
SEARCHED = 20_000
"""Rows of a huge list that one search reads for words; the next one goes on behind them."""
FIRST_ORGANIZATION = PreparedSelect(lambda: Organization.objects.order_by("id")[:1])


def get_organization() -> Organization:
    """Return the server's organization; raises NotSetUp before the first-time set-up."""
    organization = FIRST_ORGANIZATION.first()
    if organization is None:
        raise NotSetUp("run manage.py bootstrap")
    return organization


def find_search_end(rows: QuerySet[Any], *, descending: bool = True) -> int | None:
    """Return the key of the first row, by key, behind the SEARCHED ones; None: there is none."""
    keys = rows.order_by("-pk" if descending else "pk").values_list("pk", flat=True)
    return next(iter(keys[SEARCHED : SEARCHED + 1]), None)


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
