"""By what a list can be ordered: its column headings, of which each may be a link or several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.models import CharField, F, Q, QuerySet
from django.db.models.expressions import Expression, OrderBy
from django.db.models.functions import Collate
from django.utils.translation import gettext_lazy as _

PARAMETER = "ordering"  # as in the REST interface, and with its names

Rows = QuerySet[Any]


@dataclass(frozen=True)
class Kind:
    """What the two directions are called, and which one is asked for first."""

    ascending: Any
    descending: Any
    starts_descending: bool = False


WORDS = Kind(_("A to Z"), _("Z to A"))
PAST = Kind(_("oldest first"), _("newest first"), starts_descending=True)
FUTURE = Kind(_("soonest first"), _("latest first"))
NUMBER = Kind(_("fewest first"), _("most first"), starts_descending=True)
SIZE = Kind(_("smallest first"), _("largest first"), starts_descending=True)


@dataclass(frozen=True)
class Sort:
    """One thing to order by; descending is the exact reverse, so that one index serves both.

    `columns` end with a unique one, so that no row stands on two pages; one that begins with "-"
    runs the other way. `none_is`: where rows without a value stand, "lowest" or "highest"; of a
    column that always has one it must be "", or PostgreSQL does not use an index of it.
    `shares`: conditions of which each row meets one, where an index knows the order of each share
    and none that of all.
    """

    name: str
    label: Any
    kind: Kind
    columns: tuple[str | Expression, ...]
    none_is: str = ""
    shares: tuple[Q, ...] = ()

    def build_order(self, rows: Rows, *, descending: bool) -> list[OrderBy]:
        return [self._build_part(rows, column, descending) for column in self.columns]

    def _build_part(self, rows: Rows, column: str | Expression, descending: bool) -> OrderBy:
        if isinstance(column, Expression):
            return OrderBy(column, descending=descending)
        name = column.removeprefix("-")
        descending = descending != column.startswith("-")
        value = Collate(name, "nocase") if _is_compared_by_bytes(rows, name) else F(name)
        if not self.none_is or name == "pk":
            return OrderBy(value, descending=descending)
        # Of the two only one may be given, and none as False.
        is_first = (self.none_is == "lowest") != descending
        nulls = {"nulls_first" if is_first else "nulls_last": True}
        return OrderBy(value, descending=descending, **nulls)


def _is_compared_by_bytes(rows: Rows, name: str) -> bool:
    """Whether it is text of SQLite, where "a" comes behind "Z"."""
    fields = {field.name: field for field in rows.model._meta.concrete_fields}
    return connections[rows.db].vendor == "sqlite" and isinstance(fields.get(name), CharField)


@dataclass(frozen=True)
class Order:
    """A sort in one direction."""

    sort: Sort
    descending: bool

    @property
    def value(self) -> str:
        return f"-{self.sort.name}" if self.descending else self.sort.name

    @property
    def words(self) -> Any:
        return self.sort.kind.descending if self.descending else self.sort.kind.ascending

    def apply(self, rows: Rows) -> Rows:
        return rows.order_by(*self.sort.build_order(rows, descending=self.descending))


class OrderedRows:
    """The `chosen` rows in an order, for a paginator to cut: their keys first, then what is shown.

    Indexes know the keys' order without the rows, and without an index little is to be sorted.
    `source` has the rows as the list shows them.
    """

    def __init__(self, chosen: Rows, order: Order, *, source: Rows) -> None:
        self._chosen, self._order, self._source = chosen, order, source

    def order_by(self) -> Rows:
        return self._chosen.order_by()

    def count(self) -> int:
        return self._chosen.count()

    def __getitem__(self, part: slice) -> list[Any]:
        keys = self._merge(part) if self._order.sort.shares else self._take(part)
        by_key = self._source.order_by().in_bulk(keys)
        return [by_key[key] for key in keys if key in by_key]

    def _take(self, part: slice) -> list[int]:
        return list(self._order.apply(self._chosen).values_list("pk", flat=True)[part])

    def _merge(self, part: slice) -> list[int]:
        """Take so many of each share; of no use much further than the first ten thousand rows."""
        column = self._order.sort.columns[0]
        found: list[tuple[Any, int]] = []
        for share in self._order.sort.shares:
            rows = self._order.apply(self._chosen.filter(share))
            found += rows.values_list(column, "pk")[: part.stop]
        found.sort(reverse=self._order.descending)
        return [key for _, key in found[part]]


@dataclass(frozen=True)
class Link:
    """What stands in a heading: `next` is where it leads, `now` how the list is ordered by it."""

    label: Any
    next: Order
    now: Order | None


@dataclass(frozen=True)
class Heading:
    """A column's heading as it is shown: a label, or links."""

    label: Any = ""
    links: tuple[Link, ...] = ()

    @property
    def aria_sort(self) -> str:
        now = next((link.now for link in self.links if link.now), None)
        return "" if now is None else "descending" if now.descending else "ascending"


def list_sorts(column: Any) -> tuple[Sort, ...]:
    """Return those of one of a list's `columns`: a label, a sort, or several."""
    if isinstance(column, Sort):
        return (column,)
    return column if isinstance(column, tuple) else ()


def find_order(columns: Sequence[Any], value: str) -> Order | None:
    """Return what `?ordering=` asks for; None for what no heading offers."""
    for sort in (sort for column in columns for sort in list_sorts(column)):
        if sort.name == value.removeprefix("-"):
            return Order(sort, descending=value.startswith("-"))
    return None


def build_headings(columns: Sequence[Any], order: Order | None) -> list[Heading]:
    return [
        Heading(links=tuple(_build_link(sort, order) for sort in list_sorts(column)))
        if list_sorts(column)
        else Heading(label=column)
        for column in columns
    ]


def _build_link(sort: Sort, order: Order | None) -> Link:
    now = order if order is not None and order.sort == sort else None
    descending = sort.kind.starts_descending if now is None else not now.descending
    return Link(label=sort.label, next=Order(sort, descending), now=now)
