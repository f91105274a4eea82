"""The order of a list, and where in it a row stands: one column, the numeric key for ties."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Field, Q, QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan

Rows = QuerySet[Any]


@dataclass(frozen=True)
class Place:
    """Where a row stands: the value of its column, and its numeric key."""

    value: Any
    pk: int


@dataclass(frozen=True)
class Order:
    """Rows by `field`, those without a value last, ties by numeric key in the same direction.

    `shares`: conditions of which each row with a value meets one, where an index knows the order
    of each share and none that of all. So many are taken from each, and merged.
    """

    field: "Field[Any, Any]"
    descending: bool
    shares: Sequence[Q] = ()

    def take(self, rows: Rows, *, count: int, place: Place | None, forward: bool) -> list[Any]:
        """Return the first rows, or those after (not `forward`: before, the nearest first) a place.

        Those with a value and those without are asked for apart: an index has both, but a statement
        for both at once reads it from its beginning to the place, or whole.
        """
        taken: list[Any] = []
        for part, is_valued in self._build_parts(rows, place=place, forward=forward):
            left = count - len(taken)
            if left and is_valued and self.shares:
                taken += self._merge(part, rows, count=left, forward=forward)
            elif left:
                taken += part[:left]
        return taken

    def _merge(self, part: Rows, rows: Rows, *, count: int, forward: bool) -> list[Any]:
        """Return the first rows of all shares: their keys first, then the rows at once."""
        found: list[tuple[Any, int]] = []
        for share in self.shares:
            found += part.filter(share).values_list(self.field.attname, "pk")[:count]
        found.sort(reverse=self.descending == forward)
        by_key = rows.order_by().in_bulk([key for _, key in found[:count]])
        return [by_key[key] for _, key in found[:count] if key in by_key]

    def _build_parts(
        self, rows: Rows, *, place: Place | None, forward: bool
    ) -> list[tuple[Rows, bool]]:
        """Return the statements in their order; with each, whether its rows have a value."""
        name, descending = self.field.attname, self.descending == forward
        by_key = OrderBy(F("pk"), descending=descending)
        if self.field.primary_key:
            found = self._start(rows, ("pk",), place=place, descending=descending)
            return [(found.order_by(by_key), False)]
        valued = rows.order_by(OrderBy(F(name), descending=descending), by_key)
        if not self.field.null:
            return [(self._start(valued, (name, "pk"), place=place, descending=descending), True)]
        valued = valued.filter(**{f"{name}__isnull": False})
        empty = rows.filter(**{f"{name}__isnull": True}).order_by(by_key)
        if place is None:
            return [(valued, True), (empty, False)] if forward else [(empty, False), (valued, True)]
        if place.value is None:
            empty = self._start(empty, ("pk",), place=place, descending=descending)
            return [(empty, False)] if forward else [(empty, False), (valued, True)]
        valued = self._start(valued, (name, "pk"), place=place, descending=descending)
        return [(valued, True), (empty, False)] if forward else [(valued, True)]

    @staticmethod
    def _start(
        rows: Rows, columns: tuple[str, ...], *, place: Place | None, descending: bool
    ) -> Rows:
        """Leave out the rows up to the place."""
        if place is None:
            return rows
        if columns == ("pk",):
            return rows.filter(Q(**{f"pk__{'lt' if descending else 'gt'}": place.pk}))
        beyond = TupleLessThan if descending else TupleGreaterThan
        return rows.filter(beyond(Tuple(*map(F, columns)), (place.value, place.pk)))
