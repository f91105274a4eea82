"""What the filters of the console's lists share, and their search."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet

from organization.protocol.public_id import is_public_id
from organization.selectors import find_search_end

FEW = 5000  # rows that are named to a statement, so that words are compared once


class SearchFilter(django_filters.CharFilter):  # type: ignore[misc]
    """`q`: every word must stand in one of the columns.

    A whole public id is looked for where its kind stands (`identifiers`, by prefix), which has an
    index.
    """

    identifiers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, *columns: str, placeholder: Any) -> None:
        self.columns = columns
        field = forms.TextInput(
            attrs={"type": "search", "placeholder": placeholder, "aria-label": placeholder}
        )
        super().__init__(label=placeholder, widget=field, max_length=200)

    def filter(self, rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
        text = (value or "").strip()
        for prefix, column in self.identifiers.items():
            if is_public_id(text, prefix=prefix):
                return rows.filter(**{column: text})
        return self.find_words(rows, text)

    def find_words(self, rows: "QuerySet[Any]", text: str) -> "QuerySet[Any]":
        return rows.filter(self.build_condition(text))

    def build_condition(self, text: str) -> Q:
        """Return what a row has to be; an empty text asks for nothing."""
        found = Q()
        for word in text.split()[:8]:
            matches = Q()
            for column in self.columns:
                matches |= Q(**{f"{column}__icontains": word})
            found &= matches
        return found


@dataclass(frozen=True)
class SearchEnd:
    """How far back a search has looked: to this moment, and the next one begins with `older`.

    That row's `key` is the first that it has not looked at.
    """

    moment: datetime
    older: str
    key: int


class NewestSearch(SearchFilter):
    """`q` of a list that may have a million rows: one search reads the newest of them for words.

    With a row's `place` as `older` in the address, it begins there (docs/adr/0247).
    """

    place = "public_id"

    def find_words(self, rows: "QuerySet[Any]", text: str) -> "QuerySet[Any]":
        if not text:
            return rows
        rows = self._leave_newer(rows)
        end, near = find_search_end(rows), rows
        if end is not None:
            near = rows.filter(pk__gt=end)
            self._note_end(rows.model._default_manager.filter(pk=end), end)
        near = near.filter(self.build_condition(text))
        keys = list(near.order_by().values_list("pk", flat=True)[: FEW + 1])
        if len(keys) <= FEW:  # else a page of them, and their number, are soon found
            near = rows.filter(pk__in=keys)
        found = [near, *self.find_elsewhere(rows, text)]
        if len(found) == 1:
            return found[0]
        parts = [each.order_by().values("pk") for each in found]
        return rows.filter(pk__in=parts[0].union(*parts[1:]))

    def _note_end(self, row: "QuerySet[Any]", key: int) -> None:
        for moment, place in row.values_list("created_at", self.place):
            self.parent.search_end = SearchEnd(moment, str(place), key)

    def find_elsewhere(self, rows: "QuerySet[Any]", text: str) -> "list[QuerySet[Any]]":
        """Return what indexes find among all rows, such as those of devices with these words."""
        return []

    def _leave_newer(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        older = self.parent.data.get("older")
        if not older:
            return rows
        try:
            row = rows.model._default_manager.filter(**{self.place: older}).only("pk").first()
        except ValueError:
            return rows
        return rows if row is None else rows.filter(pk__lte=row.pk)


class ConsoleFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """Filters whose bad values are ignored, as in a bookmark from before a group was deleted.

    Those in `more` stand folded below the others. `search_end`: of a search that has not looked
    at all rows. `ordering`: what the rows are read in where a filter knows better than the list.
    """

    more: tuple[str, ...] = ()
    ordering = ""
    search_end: SearchEnd | None = None

    def filter_queryset(self, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """The search comes last: how far back it looks depends on what the others leave."""
        chosen = self.form.cleaned_data
        for name in sorted(chosen, key=lambda name: name == "q"):
            queryset = self.filters[name].filter(queryset, chosen[name])
        return queryset

    @property
    def is_unfolded(self) -> bool:
        return any(self.data.get(name) for name in self.more)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.form.label_suffix = ""
