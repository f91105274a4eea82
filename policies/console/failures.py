"""Administrators' door: every item that a device enrolled now has failed to install, and why."""

import django_filters
from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from devices.models import Device
from devices.selectors import filter_by_words
from organization.console import PAST, WORDS, ListPage, Sort, get_actor, role_required
from organization.forms import ConsoleFilterSet, SearchFilter
from policies.models import ItemStatus, Policy, PolicyItem
from policies.selectors import list_failed_items
from policies.services.retry import retry_item

Statuses = QuerySet[ItemStatus]
AT_ONCE = 100  # items that one click tries again: each is a command to a device of its own


class FailureSearch(SearchFilter):
    def find_words(self, rows: Statuses, text: str) -> Statuses:
        """By the item or the device's words about it, or by the device."""
        if not text:
            return rows
        devices = filter_by_words(Device.objects.order_by(), text).values("pk")
        return rows.filter(self.build_condition(text) | Q(enrollment__device__in=devices))


class FailureFilter(ConsoleFilterSet):
    q = FailureSearch("name", "error", placeholder=_("Search item, error, device…"))
    policy = django_filters.ModelChoiceFilter(
        label=_("Policy"),
        field_name="item__policy",
        queryset=Policy.objects.all(),
        to_field_name="public_id",
        empty_label=_("All"),
    )
    item = django_filters.ModelChoiceFilter(
        queryset=PolicyItem.objects.all(), to_field_name="public_id", widget=forms.HiddenInput
    )

    class Meta:
        model = ItemStatus
        fields: tuple[str, ...] = ()


def _list_failures() -> Statuses:
    rows = list_failed_items().select_related("item__policy", "enrollment__device")
    return rows.only(
        "name", "kind", "identifier", "error", "settled_at", "item__name", "item__policy__name",
        "item__policy__public_id", "enrollment__device__public_id", "enrollment__device__name",
        "enrollment__device__serial_number", "enrollment__device__udid",
    )  # fmt: skip


FAILURES = ListPage(
    title=_("Failed items"),
    columns=(
        Sort("name", _("Item"), WORDS, ("name", "pk")),
        _("Policy"),
        _("Device"),
        Sort("settled_at", _("Failed"), PAST, ("settled_at", "pk"), none_is="lowest"),
        "",
    ),
    template="console/failure/list.html",
    row_template="console/failure/row.html",
    selection_template="console/failure/retry_all.html",
    get_rows=_list_failures,
    filterset=FailureFilter,
    is_huge=True,
    empty_title=_("Nothing has failed"),
    empty_text=_("What a device refuses or cannot install stands here until it has it."),
)


@role_required()
def list_failures(request: HttpRequest) -> HttpResponse:
    return FAILURES.render(request)


@role_required()
def retry_failures(request: HttpRequest) -> HttpResponse:
    """Start afresh what the filters in the address show, the newest failures first."""
    if request.method == "POST":
        rows = list(FAILURES.order_rows(request)[: AT_ONCE + 1])
        tried = sum(retry_item(row, actor=get_actor(request)) for row in rows[:AT_ONCE])
        text = ngettext("%d item is tried again.", "%d items are tried again.", tried) % tried
        if len(rows) > AT_ONCE:
            text += " " + gettext("What is left is shown below.")
        messages.success(request, text)
    return redirect(f"{reverse('console:failed-items')}?{request.GET.urlencode()}")


failure_urlpatterns: list[URLPattern] = [
    path("failed-items/retry", retry_failures, name="failed-items-retry"),
    path("failed-items/", list_failures, name="failed-items"),
]
