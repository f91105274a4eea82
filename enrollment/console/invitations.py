"""Enrollment › OTA › Tokens › a token › Invitations."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from enrollment.console.tokens import get_token
from enrollment.errors import EnrollmentRefused, InvitationRefused
from enrollment.forms import InvitationFilter, InvitationForm
from enrollment.models import EnrollmentToken, Invitation, MailState
from enrollment.selectors import (
    get_invitation_state,
    get_token_state,
    list_invitations,
    put_devices,
)
from enrollment.services.invitations import (
    can_send_mail,
    invite_people,
    request_failed_mails,
    request_mail,
    revoke_invitation,
)
from enrollment.services.token_texts import build_enrollment_url
from organization.console import (
    WORDS,
    ListPage,
    Sort,
    get_actor,
    recent_sign_in_required,
    role_required,
)
from organization.console.csv_export import build_csv_response
from organization.models import Role

TOKEN_PATH = "enrollment/ota/tokens/<str:jti>/invitations/"  # noqa: S105 - a route
CSV_HEADER = (
    "name", "email", "language", "status", "link", "mailed_at", "mail_error", "device",
    "enrolled_at",
)  # fmt: skip


@role_required()
def list_rows(request: HttpRequest, jti: str) -> HttpResponse:
    token = get_token(jti)
    page = ListPage(
        title=gettext_lazy("Invitations"),
        columns=(
            Sort("name", gettext_lazy("Person"), WORDS, ("name", "email", "pk")),
            gettext_lazy("Status"),
            gettext_lazy("Mail"),
            gettext_lazy("Device"),
            "",
        ),
        template="console/invitation/list.html",
        row_template="console/invitation/row.html",
        get_rows=lambda: list_invitations(token),
        complete=put_devices,
        filterset=InvitationFilter,
        add_template="console/invitation/add.html",
        empty_title=gettext_lazy("Nobody is invited yet"),
        empty_text=gettext_lazy("Upload a list: each person gets a link of their own."),
    )
    return page.render(request, token=token, **_get_context(token))


@role_required(Role.OPERATOR)
def invite(request: HttpRequest, jti: str) -> HttpResponse:
    token = get_token(jti)
    form = InvitationForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            done = invite_people(token, **form.cleaned_data, actor=get_actor(request))
        except (InvitationRefused, EnrollmentRefused) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _tell_invited(done.invited, known=done.known))
            return redirect("console:invitations", jti)
    context = {"token": token, "form": form, "uses_left": _count_uses_left(token)}
    return render(request, "console/invitation/invite.html", context)


@role_required(Role.OPERATOR)
@recent_sign_in_required
def export(request: HttpRequest, jti: str) -> HttpResponseBase:
    """Every person's link, to be sent by other means."""
    rows = list_invitations(get_token(jti)).order_by("id").iterator(chunk_size=500)
    return build_csv_response("invitations", header=CSV_HEADER, rows=_build_csv_rows(rows))


@role_required(Role.OPERATOR)
@recent_sign_in_required
def show_link(request: HttpRequest, jti: str, invitation: str) -> HttpResponse:
    row = _get_invitation(jti, invitation)
    context = {
        "token": row.token.parent,
        "row": row,
        "url": build_enrollment_url(row.token),
        "state": get_invitation_state(row, now=timezone.now()),
    }
    return render(request, "console/invitation/link.html", context)


@role_required(Role.OPERATOR)
def mail(request: HttpRequest, jti: str, invitation: str) -> HttpResponse:
    row = _get_invitation(jti, invitation)
    if request.method == "POST":
        try:
            request_mail(row, actor=get_actor(request))
            messages.success(request, _("The mail to %s is on its way.") % row.email)
        except InvitationRefused as refusal:
            messages.error(request, str(refusal))
    return redirect("console:invitations", jti)


@role_required(Role.OPERATOR)
def mail_failed(request: HttpRequest, jti: str) -> HttpResponse:
    token = get_token(jti)
    if request.method == "POST":
        try:
            number = request_failed_mails(token, actor=get_actor(request))
            text = ngettext("%d mail is sent again.", "%d mails are sent again.", number)
            messages.success(request, text % number)
        except InvitationRefused as refusal:
            messages.error(request, str(refusal))
    return redirect("console:invitations", jti)


@role_required(Role.OPERATOR)
def revoke(request: HttpRequest, jti: str, invitation: str) -> HttpResponse:
    row = _get_invitation(jti, invitation)
    if request.method != "POST":
        context = {"row": row, "token": row.token.parent}
        return render(request, "console/invitation/revoke.html", context)
    revoke_invitation(row, actor=get_actor(request))
    messages.success(request, _("The link of “%s” is dead.") % row)
    return redirect("console:invitations", jti)


def _get_invitation(jti: str, public_id: str) -> Invitation:
    return get_object_or_404(list_invitations(get_token(jti)), public_id=public_id)


def _get_context(token: EnrollmentToken) -> dict[str, Any]:
    failed = list_invitations(token).filter(
        mail_state=MailState.FAILED, enrolled_at=None, token__revoked_at=None
    )
    return {
        "state": get_token_state(token, now=timezone.now()),
        "can_send_mail": can_send_mail(),
        "failed": failed.count(),
    }


def _count_uses_left(token: EnrollmentToken) -> int | None:
    return max(0, token.max_uses - token.use_count) if token.max_uses else None


def _tell_invited(invited: int, *, known: int) -> str:
    text = ngettext("%d person is invited.", "%d people are invited.", invited) % invited
    if known:
        skipped = ngettext("%d was already.", "%d were already.", known) % known
        text = f"{text} {skipped}"
    return text


def _build_csv_rows(rows: Iterator[Invitation]) -> Iterator[tuple[Any, ...]]:
    now = timezone.now()
    for row in rows:
        yield (
            row.name, row.email, row.language, get_invitation_state(row, now=now).label,
            build_enrollment_url(row.token), row.mailed_at, row.mail_error, row.device_id,
            row.enrolled_at,
        )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path(TOKEN_PATH, list_rows, name="invitations"),
    path(f"{TOKEN_PATH}new", invite, name="invitation-new"),
    path(f"{TOKEN_PATH}export.csv", export, name="invitations-export"),
    path(f"{TOKEN_PATH}mail-failed", mail_failed, name="invitations-mail-failed"),
    path(f"{TOKEN_PATH}<str:invitation>/link", show_link, name="invitation-link"),
    path(f"{TOKEN_PATH}<str:invitation>/mail", mail, name="invitation-mail"),
    path(f"{TOKEN_PATH}<str:invitation>/revoke", revoke, name="invitation-revoke"),
]
