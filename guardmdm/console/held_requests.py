"""System › Certificates › Waiting for approval: SCEP requests that an administrator decides."""

from collections.abc import Callable
from typing import Any

import django_filters
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from enrollment.models import EnrollmentSession
from guardmdm.console.certificates import find_tokens
from organization.console import PAST, ListPage, Sort, get_actor, role_required
from organization.forms import ConsoleFilterSet, SearchFilter
from organization.models import Role
from organization.protocol.public_id import keep_public_ids
from scep.errors import RequestDecided, RequestOver
from scep.models import HeldRequest, HeldRequestState, ScepProfile
from scep.services.held_decisions import MOST_AT_ONCE, Decisions, decide_requests
from scep.services.held_requests import approve_request, reject_request

SHOWN = 10
"""Requests that are named before many are decided."""


class HeldRequestFilter(ConsoleFilterSet):
    """Those that wait, unless asked for others."""

    q = SearchFilter(
        "common_name",
        "session_id",
        "token_id",
        "transaction_id",
        placeholder=_("Search name, session, token…"),
    )
    state = django_filters.ChoiceFilter(
        label=_("State"),
        choices=[
            (HeldRequestState.APPROVED.value, _("Approved")),
            (HeldRequestState.REJECTED.value, _("Rejected")),
            (HeldRequestState.EXPIRED.value, _("Not decided in time")),
            (HeldRequestState.OUTDATED.value, _("Challenge changed")),
        ],
        empty_label=_("Waiting"),
    )
    scep_profile = django_filters.ModelChoiceFilter(
        label=_("SCEP profile"),
        queryset=ScepProfile.objects.all(),
        to_field_name="public_id",
        empty_label=_("All"),
    )

    class Meta:
        model = HeldRequest
        fields: tuple[str, ...] = ()

    def filter_queryset(self, queryset: "QuerySet[HeldRequest]") -> "QuerySet[HeldRequest]":
        rows: QuerySet[HeldRequest] = super().filter_queryset(queryset)
        if not self.form.cleaned_data.get("state"):
            rows = rows.filter(state=HeldRequestState.PENDING)
        return rows


def _list_requests() -> "QuerySet[HeldRequest]":
    rows = HeldRequest.objects.select_related("scep_profile", "certificate")
    return rows.defer(
        "scep_profile__static_challenge", "scep_profile__hook_password", "certificate__certificate"
    )


def add_origins(requests: list[Any]) -> None:
    """Put session, token and what the device said of itself on each request."""
    sessions = EnrollmentSession.objects.select_related("reported_device").filter(
        public_id__in={row.session_id for row in requests}
    )
    session_by_id = {session.public_id: session for session in sessions}
    tokens = find_tokens(requests)
    for row in requests:
        row.session = session_by_id.get(row.session_id)
        row.token = tokens.get(row.pk)
        row.device = getattr(row.session, "reported_device", None)


def _keep_filters(request: HttpRequest) -> dict[str, Any]:
    names = HeldRequestFilter.base_filters
    chosen = [(name, value) for name, value in request.GET.items() if value and name in names]
    return {"chosen_filters": chosen, "is_waiting": not request.GET.get("state")}


HELD_REQUESTS = ListPage(
    title=_("Certificates"),
    tab=_("Waiting for approval"),
    path=(_("System"),),
    columns=(
        _("Request"),
        _("Token"),
        _("From"),
        _("SCEP profile"),
        Sort("created_at", _("Asked"), PAST, ("pk",)),
        "",
    ),
    default_ordering="-created_at",
    template="console/request/list.html",
    row_template="console/request/row.html",
    get_rows=_list_requests,
    complete=add_origins,
    filterset=HeldRequestFilter,
    is_huge=True,
    get_context=_keep_filters,
    selection_template="console/request/selection.html",
    empty_title=_("Nothing waits for approval"),
    empty_text=_("SCEP profiles and tokens that hold for approval send their requests here."),
)


@role_required()
def list_held_requests(request: HttpRequest) -> HttpResponse:
    return HELD_REQUESTS.render(request)


@role_required(write=Role.ADMINISTRATOR)
def approve(request: HttpRequest, key: str) -> HttpResponse:
    done = gettext("“%s” is approved: the device gets its certificate when it asks again.")
    return _decide(request, key, act=approve_request, done=done)


@role_required(write=Role.ADMINISTRATOR)
def reject(request: HttpRequest, key: str) -> HttpResponse:
    return _decide(request, key, act=reject_request, done=gettext("“%s” is rejected."))


@role_required(Role.ADMINISTRATOR, write=Role.ADMINISTRATOR)
def approve_many(request: HttpRequest) -> HttpResponse:
    return _decide_many(request, HeldRequestState.APPROVED, title=gettext("Approve"))


@role_required(Role.ADMINISTRATOR, write=Role.ADMINISTRATOR)
def reject_many(request: HttpRequest) -> HttpResponse:
    return _decide_many(request, HeldRequestState.REJECTED, title=gettext("Reject"))


def _decide_many(request: HttpRequest, state: HeldRequestState, *, title: str) -> HttpResponse:
    """Ask once more, naming how many; the answer is about those, and none that came meanwhile."""
    if request.method == "POST":
        asked = keep_public_ids(request.POST.get("requests", "").split(), prefix="req")
        _tell(
            request,
            decide_requests(asked, state=state, actor=get_actor(request), now=timezone.now()),
        )
        return redirect("console:held-requests")
    rows = _choose(request).order_by("pk")[:MOST_AT_ONCE]
    chosen = [row for row in rows if row.state == HeldRequestState.PENDING]
    if not chosen:
        messages.error(request, gettext("Choose at least one request that waits."))
        return redirect("console:held-requests")
    context = {
        "title": title,
        "is_danger": state == HeldRequestState.REJECTED,
        "count": len(chosen),
        "shown": chosen[:SHOWN],
        "more": len(chosen) - len(chosen[:SHOWN]),
        "keys": " ".join(row.public_id for row in chosen),
    }
    return render(request, "console/request/decide.html", context)


def _choose(request: HttpRequest) -> "QuerySet[HeldRequest]":
    if request.GET.get("all"):
        return HELD_REQUESTS.filter_rows(request).qs
    chosen = keep_public_ids(request.GET.getlist("request"), prefix="req")
    return _list_requests().filter(public_id__in=chosen)


def _tell(request: HttpRequest, decisions: Decisions) -> None:
    done = ngettext("%d request is decided.", "%d requests are decided.", decisions.done)
    messages.success(request, done % decisions.done)
    left = len(decisions.refused)
    if left:
        words = ngettext(
            "%d could not be decided: %s", "%d could not be decided, such as: %s", left
        )
        messages.warning(request, words % (left, decisions.refused[0][1]))


def _decide(request: HttpRequest, key: str, *, act: Callable[..., None], done: str) -> HttpResponse:
    held = get_object_or_404(HeldRequest, public_id=key)
    if request.method == "POST":
        try:
            act(held, actor=get_actor(request), now=timezone.now())
            messages.success(request, done % (held.common_name or held.transaction_id))
        except (RequestDecided, RequestOver) as refusal:
            messages.error(request, str(refusal))
    return redirect("console:held-requests")
