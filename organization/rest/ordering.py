"""The order of a list, and where in it a row stands: one column, the numeric key for ties."""

from dataclasses import dataclass
from typing import Any

from django.db.models import F, Field, Q
from django.db.models.expressions import OrderBy


@dataclass(frozen=True)
class Order:
    """Rows by `field`, those without a value last, ties by numeric key in the same direction."""

    field: "Field[Any, Any]"
    descending: bool

    def build_terms(self, *, forward: bool) -> list[OrderBy]:
        """Return the ORDER BY; not `forward`: exactly the other way round."""
        descending = self.descending == forward
        # Only where it matters: an index serves NULLS LAST in one of its two directions only.
        nulls = {"nulls_last" if forward else "nulls_first": True} if self.field.null else {}
        column = OrderBy(F(self.field.attname), descending=descending, **nulls)
        return (
            [column]
            if self.field.primary_key
            else [column, OrderBy(F("pk"), descending=descending)]
        )

    def build_condition(self, value: Any, *, pk: int, forward: bool) -> Q:
        """Return which rows come after (not `forward`: before) the row with `value` and `pk`."""
        name, beyond = self.field.attname, "lt" if self.descending == forward else "gt"
        further_key = Q(**{f"pk__{beyond}": pk})
        if self.field.primary_key:
            return further_key
        if value is None:
            same = Q(**{f"{name}__isnull": True}) & further_key
            return same if forward else same | Q(**{f"{name}__isnull": False})
        further = Q(**{f"{name}__{beyond}": value}) | (Q(**{name: value}) & further_key)
        return further | Q(**{f"{name}__isnull": True}) if self.field.null and forward else further
