"""`?status=…&search=…`: filters and the search, and nothing that is silently ignored."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError as FormError
from django.db.models import BooleanField, DateTimeField, Model, QuerySet
from django_filters.constants import EMPTY_VALUES
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import (
    BooleanFilter,
    CharFilter,
    DjangoFilterBackend,
    Filter,
    FilterSet,
    IsoDateTimeFilter,
    MultipleChoiceFilter,
)
from django_filters.rest_framework.filterset import FILTER_FOR_DBFIELD_DEFAULTS
from rest_framework.exceptions import ValidationError
from rest_framework.filters import SearchFilter
from rest_framework.request import Request

from organization.protocol.public_id import is_public_id
from organization.selectors import SEARCHED

MAX_SEARCH, MAX_WORDS = 200, 8
FLAGS = {"true": True, "1": True, "false": False, "0": False}
SHARED_PARAMETERS = frozenset({"cursor", "page_size", "ordering", "search"})


class BoundedSearchFilter(SearchFilter):
    """Words of up to MAX_SEARCH characters in all; each must occur in one of the fields."""

    search_description = "Words; each must occur in the row."

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        [parameter] = super().get_schema_operation_parameters(view)
        schema = {**parameter["schema"], "maxLength": MAX_SEARCH}
        return [{**parameter, "schema": schema}]

    def get_search_terms(self, request: Request) -> list[str]:
        if len(request.query_params.get(self.search_param, "")) > MAX_SEARCH:
            raise ValidationError({"search": [f"is longer than {MAX_SEARCH} characters"]})
        try:
            terms = super().get_search_terms(request)
        except ValidationError as error:
            raise ValidationError({"search": error.detail}) from error
        if sum(len(term.split()) for term in terms) > MAX_WORDS:
            raise ValidationError({"search": [f"has more than {MAX_WORDS} words"]})
        return terms


class NewestSearchFilter(BoundedSearchFilter):
    """Of a list that may have a million rows a page looks through a part (`pagination`).

    A whole id is looked for in the column that the view's `search_whole` has for its prefix: that
    has an index.
    """

    search_description = (
        f"Words; each must occur in the row. In the order of `created_at` a page looks through "
        f"{SEARCHED:,} rows: it may have few or none, and its `next` goes on."
    )

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        terms = self.get_search_terms(request)
        if len(terms) == 1 and (column := self.find_whole(terms[0], view)):
            return queryset.filter(**{f"{column}__in": {terms[0], terms[0].upper()}})
        if terms:
            view.unsearched = queryset
        return super().filter_queryset(request, queryset, view)

    def find_whole(self, term: str, view: Any) -> str | None:
        """Return the column that has a whole value like this, and an index of it."""
        kinds = getattr(view, "search_whole", {}).items()
        return next((name for prefix, name in kinds if is_public_id(term, prefix=prefix)), None)


class MomentField(IsoDateTimeField):  # type: ignore[misc]
    def clean(self, value: Any) -> datetime | None:
        moment: datetime | None = super().clean(value)
        try:
            return moment.astimezone(UTC) if moment else None
        except OverflowError as error:
            raise FormError("This moment is out of range.") from error


class MomentFilter(IsoDateTimeFilter):  # type: ignore[misc]
    """ISO 8601, as far as it is a moment in UTC: the years 1 and 9999 reach over their edges."""

    field_class = MomentField


class RowFilter(CharFilter):  # type: ignore[misc]
    """By a row that others point to, named by its id.

    Its key is looked up first. In a join PostgreSQL takes each row to have as many as any other:
    for one with three it read a million to find them.
    """

    def __init__(self, model: type[Model], field_name: str, *, by: str = "public_id") -> None:
        super().__init__(field_name=field_name)
        self._rows, self._by = model._default_manager.order_by(), by

    def filter(self, rows: QuerySet[Any], value: Any) -> QuerySet[Any]:
        if value in EMPTY_VALUES:
            return rows
        key = self._rows.filter(**{self._by: value}).values_list("pk", flat=True).first()
        return rows.none() if key is None else rows.filter(**{self.field_name: key})


class FlagField(forms.Field):
    """`true` or `false`; what is neither does not pass for "either"."""

    def to_python(self, value: Any) -> bool | None:
        if value in (None, ""):
            return None
        flag = FLAGS.get(str(value).lower())
        if flag is None:
            raise FormError("Must be true or false.")
        return flag


class FlagFilter(BooleanFilter):  # type: ignore[misc]
    field_class = FlagField

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # The usual one makes None of all that it does not know.
        self.extra["widget"] = forms.TextInput


class RowFilters(FilterSet):  # type: ignore[misc]
    """A collection's filters, each declared by name."""

    FILTER_DEFAULTS: ClassVar = FILTER_FOR_DBFIELD_DEFAULTS | {
        BooleanField: {"filter_class": FlagFilter},
        DateTimeField: {"filter_class": MomentFilter},
    }


class StrictFilterBackend(DjangoFilterBackend):  # type: ignore[misc]
    """Refuses what would list too much: `?grup=…`, `?group=`, `?search=%20`, `?group=…&group=…`.

    A program that acts on all that it is told would do it to every device.
    """

    filterset_base = RowFilters

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        filterset_class = self.get_filterset_class(view, queryset)
        filters = filterset_class.base_filters if filterset_class else {}
        reasons = {
            name: reason
            for name, values in sorted(request.query_params.lists())
            if (reason := _find_mistake(name, values, filters=filters))
        }
        if reasons:
            raise ValidationError({name: [reason] for name, reason in reasons.items()})
        return super().filter_queryset(request, queryset, view)


def _find_mistake(name: str, values: Sequence[str], *, filters: Mapping[str, Filter]) -> str:
    """Return what is wrong with a parameter of a list, "" where it may be answered."""
    if name not in SHARED_PARAMETERS and name not in filters:
        return "is not a filter of this list"
    if name in {"search", *filters} and not all(value.strip() for value in values):
        return "is empty: leave it out to list every row"
    if len(values) > 1 and not isinstance(filters.get(name), MultipleChoiceFilter):
        return "is given more than once"
    return ""
