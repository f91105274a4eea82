"""Lists in pages: a cursor remembers the last row seen, so rows that come and go shift nothing."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Field, Model, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from organization.errors import SecretUnreadable
from organization.rest.ordering import Order, Place
from organization.selectors import find_search_end
from organization.services.own_address import build_own_url

NEWEST_FIRST = {"created_at": "id"}
LARGEST_NUMBER = 999_999_999  # that a page size may be; it counts as the largest page


@dataclass(frozen=True)
class Cursor:
    """The row that a page starts after (or, not `forward`, ends before) in an order."""

    order: str
    forward: bool
    value: str | None
    pk: int


class PublicCursorPagination(BasePagination):
    """`?cursor=…&page_size=1…200&ordering=name`; newest first unless the view says otherwise.

    The view's `ordering_fields` maps public names to columns, its `ordering_shares` columns to the
    shares of an Order. A cursor is sealed with the
    server's encryption keys: it names a row by its numeric key, which stays inside.
    """

    page_size = 50
    max_page_size = 200

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.url = build_own_url(request)
        self.size = self._read_page_size(request)
        self.name, self.order = self._read_order(request, queryset, view)
        self.context = f"rest.cursor:{queryset.model._meta.label}"
        self.cursor = self._read_cursor(request)
        place = self._find_place()
        end = self._find_end(getattr(view, "unsearched", None), place)
        if end is not None:
            queryset = queryset.filter(**{f"pk__{'gt' if self._is_descending() else 'lt'}": end})
        rows = self.order.take(
            queryset, count=self.size + 1, place=place, forward=self._is_forward()
        )
        self.has_more, rows = len(rows) > self.size, rows[: self.size]
        # A search that has come to its end goes on with the row there.
        self.end = None if self.has_more else end
        self.page = rows if self._is_forward() else rows[::-1]
        return self.page

    def _is_descending(self) -> bool:
        return self.order.descending == self._is_forward()

    def _find_end(self, unsearched: Any, place: Place | None) -> int | None:
        """Return the key of the first row that this page's search does not look at any more."""
        if unsearched is None or not self.order.field.primary_key:
            return None
        descending = self._is_descending()
        if place is not None:
            unsearched = unsearched.filter(**{f"pk__{'lt' if descending else 'gt'}": place.pk})
        return find_search_end(unsearched, descending=descending)

    def _find_place(self) -> Place | None:
        if self.cursor is None:
            return None
        value = self.cursor.value
        return Place(None if value is None else self.order.field.to_python(value), self.cursor.pk)

    def _is_forward(self) -> bool:
        return self.cursor is None or self.cursor.forward

    def _read_page_size(self, request: Request) -> int:
        text = request.query_params.get("page_size", str(self.page_size))
        is_number = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_NUMBER))
        if not (is_number and int(text) > 0):
            raise ValidationError({"page_size": ["must be a number, 1 or more"]})
        return min(int(text), self.max_page_size)

    @staticmethod
    def _read_order(request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, Order]:
        fields: dict[str, str] = getattr(view, "ordering_fields", NEWEST_FIRST)
        default: str = getattr(view, "ordering", "-created_at")
        name = str(request.query_params.get("ordering", default))
        if name.removeprefix("-") not in fields:
            raise ValidationError({"ordering": [f"must be one of {', '.join(fields)}"]})
        column = fields[name.removeprefix("-")]
        field: Field[Any, Any] = queryset.model._meta.get_field(column)
        shares = getattr(view, "ordering_shares", {}).get(column, ())
        return name, Order(field=field, descending=name.startswith("-"), shares=shares)

    def _read_cursor(self, request: Request) -> Cursor | None:
        text = request.query_params.get("cursor")
        if text is None:
            return None
        try:
            sealed = base64.urlsafe_b64decode(text.encode())
            opened = settings.GUARDMDM_KEY_RING.open(sealed, context=self.context)
        except (binascii.Error, ValueError, SecretUnreadable) as error:
            raise ValidationError({"cursor": ["is not a cursor of this list"]}) from error
        cursor = Cursor(*json.loads(opened))
        if cursor.order != self.name:
            raise ValidationError({"cursor": [f"belongs to ordering={cursor.order}"]})
        return cursor

    def _build_link(self, row: Model, *, forward: bool) -> str:
        field = self.order.field
        value = None if field.value_from_object(row) is None else field.value_to_string(row)
        return self._seal_link(Cursor(self.name, forward, value, row.pk))

    def _build_search_link(self, end: int) -> str:
        """Return the link to the next part of a search, of which the row `end` is the first."""
        before = end + 1 if self._is_descending() else end - 1
        return self._seal_link(Cursor(self.name, self._is_forward(), None, before))

    def _seal_link(self, cursor: Cursor) -> str:
        text = json.dumps([cursor.order, cursor.forward, cursor.value, cursor.pk]).encode()
        sealed = settings.GUARDMDM_KEY_RING.seal(text, context=self.context)
        return replace_query_param(self.url, "cursor", base64.urlsafe_b64encode(sealed).decode())

    def get_next_link(self) -> str | None:
        if self._is_forward() and self.end is not None:
            return self._build_search_link(self.end)
        if not self.page or not (self.has_more if self._is_forward() else True):
            return None
        return self._build_link(self.page[-1], forward=True)

    def get_previous_link(self) -> str | None:
        if not self._is_forward() and self.end is not None:
            return self._build_search_link(self.end)
        if not self.page or self.cursor is None or not (self._is_forward() or self.has_more):
            return None
        return self._build_link(self.page[0], forward=False)

    def get_paginated_response(self, data: Any) -> Response:
        links = {"next": self.get_next_link(), "previous": self.get_previous_link()}
        return Response({**links, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        names = list(getattr(view, "ordering_fields", NEWEST_FIRST))
        choices = names + [f"-{name}" for name in names]
        sizes = {"type": "integer", "minimum": 1, "maximum": LARGEST_NUMBER}
        most = f"Rows in a page; more than {self.max_page_size} count as {self.max_page_size}."
        return [
            _build_parameter("cursor", {"type": "string"}, "From `next` or `previous`."),
            _build_parameter("page_size", {**sizes, "default": self.page_size}, most),
            _build_parameter(
                "ordering",
                {
                    "type": "string",
                    "enum": choices,
                    "default": getattr(view, "ordering", choices[len(names)]),
                },
                "With `-`: the other way round.",
            ),
        ]


def _build_parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }
