"""A page with one list: search, filters, pages of 50 rows; htmx gets the rows alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_filters import FilterSet

PAGE_SIZE = 50
RESULTS = "results"  # the id of the element that live search and the page links replace

GetRows = Callable[[], "QuerySet[Any]"]
GetContext = Callable[[HttpRequest], dict[str, Any]]


def _nothing(request: HttpRequest) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class ListPage:
    """What one list is made of; `render` answers the request for it.

    `row_template` renders one `<tr>` from `row`; `path` stands above the title;
    `get_context` adds what the page shows around the list.
    """

    title: Any
    columns: tuple[Any, ...]
    row_template: str
    get_rows: GetRows
    filterset: type[FilterSet]
    empty_title: Any
    empty_text: Any
    path: tuple[Any, ...] = ()
    template: str = "console/list.html"
    get_context: GetContext = field(default=_nothing)

    def filter_rows(self, request: HttpRequest) -> FilterSet:
        return self.filterset(request.GET, queryset=self.get_rows(), request=request)

    def render(self, request: HttpRequest, **context: Any) -> HttpResponse:
        partial = bool(request.htmx) and request.htmx.target == RESULTS  # type: ignore[attr-defined]
        filterset = self.filter_rows(request)
        context |= {
            "list": self,
            "filter": filterset,
            "is_filtered": any(request.GET.get(name) for name in filterset.form.fields),
            "page": Paginator(filterset.qs, PAGE_SIZE).get_page(request.GET.get("page")),
            "partial": partial,
        }
        template = "console/list_results.html" if partial else self.template
        response = render(request, template, context | self.get_context(request))
        # One address has two answers; a page from the browser's cache must not be a fragment.
        patch_vary_headers(response, ["HX-Request"])
        response["Cache-Control"] = "no-store"
        return response
