"""Enrollment › OTA › Waiting for approval: sessions that wait at the page for an administrator."""

from collections.abc import Callable

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from enrollment.errors import SessionDecided
from enrollment.models import EnrollmentSession
from enrollment.selectors import list_waiting_sessions
from enrollment.services.approvals import approve_session, reject_session
from organization.console import PAST, ListPage, Sort, get_actor, role_required
from organization.forms import ConsoleFilterSet, SearchFilter
from organization.models import Role


class WaitingFilter(ConsoleFilterSet):
    q = SearchFilter(
        "public_id",
        "token__name",
        "person_name",
        "person_email",
        placeholder=_("Search session, token, person…"),
    )

    class Meta:
        model = EnrollmentSession
        fields: tuple[str, ...] = ()


def _list_sessions() -> "QuerySet[EnrollmentSession]":
    return list_waiting_sessions(now=timezone.now())


WAITING = ListPage(
    title=_("Waiting for approval"),
    path=(_("Enrollment"), _("OTA")),
    columns=(
        _("Enrollment"),
        _("Token"),
        _("From"),
        _("Group assignment"),
        Sort("created_at", _("Asked"), PAST, ("pk",)),
        "",
    ),
    default_ordering="-created_at",
    template="console/approval/list.html",
    row_template="console/approval/row.html",
    get_rows=_list_sessions,
    filterset=WaitingFilter,
    empty_title=_("Nobody waits for approval"),
    empty_text=_(
        "People whose token holds for approval, and who get no certificate from the built-in CA by "
        "SCEP, wait here. The others’ requests stand under Certificates."
    ),
)


@role_required()
def list_waiting(request: HttpRequest) -> HttpResponse:
    return WAITING.render(request)


@role_required(write=Role.ADMINISTRATOR)
def approve(request: HttpRequest, key: str) -> HttpResponse:
    done = gettext("“%s” is approved: the profile can be downloaded now.")
    return _decide(request, key, act=approve_session, done=done)


@role_required(write=Role.ADMINISTRATOR)
def reject(request: HttpRequest, key: str) -> HttpResponse:
    return _decide(request, key, act=reject_session, done=gettext("“%s” is rejected."))


def _decide(request: HttpRequest, key: str, *, act: Callable[..., None], done: str) -> HttpResponse:
    session = get_object_or_404(EnrollmentSession, public_id=key)
    if request.method == "POST":
        try:
            act(session, actor=get_actor(request), now=timezone.now())
            messages.success(request, done % (session.person_name or session.public_id))
        except SessionDecided as refusal:
            messages.error(request, str(refusal))
    return redirect("console:waiting-sessions")


urlpatterns: list[URLPattern] = [
    path("enrollment/ota/waiting/", list_waiting, name="waiting-sessions"),
    path("enrollment/ota/waiting/<str:key>/approve", approve, name="waiting-session-approve"),
    path("enrollment/ota/waiting/<str:key>/reject", reject, name="waiting-session-reject"),
]
