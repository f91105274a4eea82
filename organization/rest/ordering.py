"""The order of a list, and where in it a row stands: one column, the numeric key for ties."""

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
    """Rows by `field`, those without a value last, ties by numeric key in the same direction."""

    field: "Field[Any, Any]"
    descending: bool

    def take(self, rows: Rows, *, count: int, place: Place | None, forward: bool) -> list[Any]:
        """Return the first rows, or those after (not `forward`: before, the nearest first) a place.

        Those with a value and those without are asked for apart: an index has both, but a statement
        for both at once reads it from its beginning to the place, or whole.
        """
        taken: list[Any] = []
        for part in self._build_parts(rows, place=place, forward=forward):
            if len(taken) < count:
                taken += part[: count - len(taken)]
        return taken

    def _build_parts(self, rows: Rows, *, place: Place | None, forward: bool) -> list[Rows]:
        name, descending = self.field.attname, self.descending == forward
        by_key = OrderBy(F("pk"), descending=descending)
        if self.field.primary_key:
            return [self._start(rows, ("pk",), place=place, descending=descending).order_by(by_key)]
        valued = rows.order_by(OrderBy(F(name), descending=descending), by_key)
        if not self.field.null:
            return [self._start(valued, (name, "pk"), place=place, descending=descending)]
        valued = valued.filter(**{f"{name}__isnull": False})
        empty = rows.filter(**{f"{name}__isnull": True}).order_by(by_key)
        if place is None:
            return [valued, empty] if forward else [empty, valued]
        if place.value is None:
            empty = self._start(empty, ("pk",), place=place, descending=descending)
            return [empty] if forward else [empty, valued]
        valued = self._start(valued, (name, "pk"), place=place, descending=descending)
        return [valued, empty] if forward else [valued]

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
