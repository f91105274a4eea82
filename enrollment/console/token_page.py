"""One token's page: how it stands, who came by it; and what is done when its link has leaked."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from devices.models import BulkCommand
from enrollment.console.tokens import get_token
from enrollment.errors import LeakInvalid
from enrollment.forms import LeakForm
from enrollment.models import EnrollmentToken
from enrollment.selectors import (
    find_token_warnings,
    get_token_state,
    list_anomalies,
)
from enrollment.services.leaks import respond_to_leak
from enrollment.services.token_traffic import (
    find_token_devices,
    list_device_sessions,
    list_refusals,
    list_token_sessions,
)
from organization.console import get_actor, recent_sign_in_required, role_required
from organization.console.lists import DEPTH, BoundedPaginator
from organization.models import Role, may

ROUTE = "enrollment/ota/tokens/<str:jti>"
# On the page, and as checkboxes; of more than that all are meant at once.
SHOWN_DEVICES, SHOWN_REFUSALS, LISTED_DEVICES, PAGE_SIZE = 50, 25, 500, 50


@role_required()
def show_token(request: HttpRequest, jti: str) -> HttpResponse:
    token, now = get_token(jti), timezone.now()
    brought = list_device_sessions(token)
    sessions = BoundedPaginator(list_token_sessions(token), PAGE_SIZE)
    context = {
        "token": token,
        "state": get_token_state(token, now=now),
        "warnings": find_token_warnings(token, now=now),
        "anomalies": list_anomalies(now=now).filter(token=token),
        "devices": find_token_devices(token, brought[:SHOWN_DEVICES]),
        **_count_devices(token),
        "page": sessions.get_page(request.GET.get("page")),
        "refusals": list_refusals(token)[:SHOWN_REFUSALS],
    }
    return render(request, "console/token/token.html", context)


@role_required(Role.OPERATOR)
@recent_sign_in_required
def report_leak(request: HttpRequest, jti: str) -> HttpResponse:
    """Revoke the token, and move or unenroll the devices chosen, in one step."""
    token = get_token(jti)
    form = LeakForm(
        request.POST if request.method == "POST" else None,
        token=token,
        may_unenroll=may(request.user, Role.ADMINISTRATOR),
    )
    if form.is_valid() and _respond(request, token, form=form):
        return redirect("console:token-page", jti)
    return _show_form(request, token, form=form)


def _respond(request: HttpRequest, token: EnrollmentToken, *, form: LeakForm) -> bool:
    chosen = form.cleaned_data
    try:
        bulk = respond_to_leak(
            token,
            action=chosen["action"],
            devices=chosen["devices"],
            group=chosen["group"],
            actor=get_actor(request),
        )
    except LeakInvalid as refusal:
        form.add_error(None, str(refusal))
        return False
    messages.success(request, _tell_done(bulk))
    return True


def _tell_done(bulk: BulkCommand | None) -> str:
    if bulk is None:
        return _("The token is revoked: nobody can enroll with it any more.")
    words = ngettext(
        "The token is revoked, and %d device is worked on.",
        "The token is revoked, and %d devices are worked on, one after the other.",
        bulk.total,
    )
    return words % bulk.total


def _show_form(request: HttpRequest, token: EnrollmentToken, *, form: LeakForm) -> HttpResponse:
    brought = list_device_sessions(token)
    context: dict[str, Any] = {
        "token": token,
        "form": form,
        "devices": find_token_devices(token, brought[:LISTED_DEVICES]),
        **_count_devices(token),
        "checked": set(request.POST.getlist("device")),
        "sessions": BoundedPaginator(list_token_sessions(token), PAGE_SIZE),
    }
    return render(request, "console/token/leaked.html", context)


def _count_devices(token: EnrollmentToken) -> dict[str, Any]:
    """Tell how many came by it: of more than DEPTH attempts, at least as many as these."""
    brought = list_device_sessions(token).order_by("-pk").values_list("device_id", flat=True)
    counted = list(brought[: DEPTH + 1])
    is_more = len(counted) > DEPTH
    return {"device_count": len(set(counted)), "and_more": "+" if is_more else ""}


urlpatterns: list[URLPattern] = [
    path(ROUTE, show_token, name="token-page"),
    path(f"{ROUTE}/leaked", report_leak, name="token-leaked"),
]
