"""A page with one list: search, filters, pages of 50 rows; htmx gets the rows alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.functional import cached_property
from django_filters import FilterSet

from organization.console.ordering import (
    PARAMETER,
    Order,
    OrderedRows,
    build_headings,
    find_order,
)

PAGE_SIZE = 50
DEPTH = 10_000  # rows that a huge list counts and shows
RESULTS = "results"  # the id of the element that live search and the page links replace

GetRows = Callable[[], "QuerySet[Any]"]
GetContext = Callable[[HttpRequest], dict[str, Any]]
Complete = Callable[[list[Any]], None]


def _nothing(request: HttpRequest) -> dict[str, Any]:
    return {}


def _leave(rows: list[Any]) -> None:
    pass


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than DEPTH: counting a million rows would cost more than the page.

    Who wants to see more narrows the list or takes the CSV file.
    """

    _is_first = False
    known_count: int | None = None
    """How many rows there are, where that has been counted already."""

    @cached_property
    def first_rows(self) -> list[Any]:
        """Those of the first page, and one more where there is one."""
        return list(self.object_list[: self.per_page + 1])

    def get_page(self, number: Any) -> Page[Any]:
        """Of the first page the rows tell whether there is anything to count at all."""
        self._is_first = number in (None, "", "1")
        return super().get_page(number)

    def page(self, number: Any) -> Page[Any]:
        page = super().page(number)
        if self.known_count == 0:
            page.object_list = []
        if page.number == 1 and "first_rows" in self.__dict__:
            page.object_list = self.first_rows[: self.per_page]
        return page

    @cached_property
    def count_to_depth(self) -> int:
        if self.known_count is not None:
            return self.known_count
        if self._is_first and len(self.first_rows) <= self.per_page:
            return len(self.first_rows)
        rows: Any = self.object_list
        # The keys alone, so that an index can be counted instead of rows.
        return int(rows.order_by().values("pk")[: DEPTH + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self.count_to_depth, DEPTH)

    @property
    def has_more(self) -> bool:
        return self.count_to_depth > DEPTH


@dataclass(frozen=True, kw_only=True)
class ListPage:
    """What one list is made of; `render` answers the request for it.

    Each of `columns` is a label, or what a click orders the list by: a Sort or several. The order
    of `get_rows` is `default_ordering`, where that is one of these.
    `row_template` renders one `<tr>` from `row`; `path` stands above the title;
    `get_context` adds what the page shows around the list; `complete` puts on the rows of one
    page what only another app knows. A list that `is_huge` may have a million rows; their
    `known_count`, if somebody has counted them.
    `selection_template` renders the form above the table to which its rows' checkboxes belong.
    `add_template` renders what adds a row, where that is no section's form. `export_view` is the
    URL name of what sends the rows as a file: its link goes along with search and filters.
    `tab` is the one it stands on, where other pages have the same title.
    """

    title: Any
    columns: tuple[Any, ...]
    row_template: str
    get_rows: GetRows
    filterset: type[FilterSet]
    empty_title: Any
    empty_text: Any
    default_ordering: str = ""
    path: tuple[Any, ...] = ()
    template: str = "console/list.html"
    get_context: GetContext = field(default=_nothing)
    complete: Complete = field(default=_leave)
    is_huge: bool = False
    known_count: int | None = None
    selection_template: str = ""
    tab: Any = ""
    add_template: str = ""
    export_view: str = ""

    def filter_rows(self, request: HttpRequest) -> FilterSet:
        return self.filterset(request.GET, queryset=self.get_rows(), request=request)

    def order_rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return all rows that the list shows, in its order: for a file."""
        filterset = self.filter_rows(request)
        order = self._find_order(request, filterset)
        return order.apply(filterset.qs) if order else filterset.qs

    def list_parts(self, request: HttpRequest) -> "list[QuerySet[Any]]":
        """Return the same where a search looks through the newest rows only: on to the first row.

        What is missing in a file is never noticed (docs/adr/0284).
        """
        query, parts = request.GET.copy(), []
        query.pop("older", None)
        unread: QuerySet[Any] | None = self.get_rows()
        while unread is not None:
            filterset: Any = self.filterset(query, queryset=unread, request=request)
            rows, end = filterset.qs, filterset.search_end
            order = self._find_order(request, filterset)
            rows = order.apply(rows) if order else rows
            parts.append(rows.filter(pk__gt=end.key) if end else rows)
            unread = self.get_rows().filter(pk__lte=end.key) if end else None
        return parts if order is None or order.descending else parts[::-1]

    def _find_order(self, request: HttpRequest, filterset: FilterSet) -> Order | None:
        """Return what a heading asks for, else what the filters or the list itself begin with."""
        _ = filterset.qs  # now the filters have been at work
        preferred = getattr(filterset, "ordering", "")
        for wanted in (request.GET.get(PARAMETER, ""), preferred, self.default_ordering):
            if order := find_order(self.columns, wanted):
                return order
        return None

    def render(self, request: HttpRequest, **context: Any) -> HttpResponse:
        partial = bool(request.htmx) and request.htmx.target == RESULTS  # type: ignore[attr-defined]
        filterset = self.filter_rows(request)
        order = self._find_order(request, filterset)
        rows: Any = filterset.qs
        if order and order.value != self.default_ordering:
            rows = OrderedRows(rows, order, source=filterset.queryset)
        paginator = (BoundedPaginator if self.is_huge else Paginator)(rows, PAGE_SIZE)
        if isinstance(paginator, BoundedPaginator):
            paginator.known_count = self.known_count
        page = paginator.get_page(request.GET.get("page"))
        page.object_list = list(page.object_list)
        self.complete(page.object_list)
        context |= {
            "list": self,
            "filter": filterset,
            "headings": build_headings(self.columns, order),
            "ordering": order.value if order and order.value == request.GET.get(PARAMETER) else "",
            "is_filtered": any(request.GET.get(name) for name in filterset.form.fields),
            "page": page,
            "partial": partial,
        }
        template = "console/list_results.html" if partial else self.template
        response = render(request, template, context | self.get_context(request))
        # One address has two answers; a page from the browser's cache must not be a fragment.
        patch_vary_headers(response, ["HX-Request"])
        return response
