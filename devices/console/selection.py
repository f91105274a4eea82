"""Administrators' doors to what is done to many devices at once, chosen in the list.

The choice stands in the address: `device` once for each device, `all` with the list's filters, or
`failed` with the command for many that they have not obeyed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from devices.console.commands import build_sections, get_kind, get_posted, is_harmless, try_to_queue
from devices.console.device_list import DEVICES
from devices.forms import CommandForm
from devices.forms.selection import SelectionGroupForm, SelectionUnenrollForm
from devices.models import BulkCommand, Device
from devices.protocol.commands import COMMAND_TYPES, CommandType, DeviceFacts
from devices.selectors import list_failed_devices
from devices.services.bulk_commands import assign_group_to_many, request_bulk, unenroll_many
from organization.console import get_actor, recent_sign_in_required, role_required
from organization.models import Role
from organization.protocol.public_id import keep_public_ids

Answer = Callable[..., HttpResponseBase]
SEARCHED = "command"  # `q` is the list's own
FAILED_OF = "failed"


@dataclass(frozen=True)
class Selection:
    """The chosen devices' keys, the query that chooses them, and the address of the list."""

    keys: list[int]
    query: str
    back: str

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query)


def _choosing(answer: Answer) -> Answer:
    """Give the view the selection; where it is empty, go back to the list."""

    def choose(request: HttpRequest, **given: Any) -> HttpResponseBase:
        if FAILED_OF in request.GET:
            rows = list_failed_devices(_get_bulk(request))
        elif request.GET.get("all"):
            rows = DEVICES.filter_rows(request).qs
        else:
            chosen = keep_public_ids(request.GET.getlist("device"), prefix="dev")
            rows = Device.objects.filter(public_id__in=chosen)
        keys = list(rows.order_by().values_list("pk", flat=True).distinct())
        if not keys:
            messages.error(request, _("Choose at least one device."))
            return redirect("console:devices")
        return answer(request, _build_selection(request, keys=keys), **given)

    return choose


def _get_bulk(request: HttpRequest) -> BulkCommand:
    rows, named = BulkCommand.objects.only("public_id"), request.GET.getlist(FAILED_OF)
    return get_object_or_404(rows, public_id__in=keep_public_ids(named[:1], prefix="blk"))


def _build_selection(request: HttpRequest, *, keys: list[int]) -> Selection:
    query = request.GET.copy()
    query.pop(SEARCHED, None)
    if FAILED_OF in query:
        back = reverse("console:bulk-command", args=query.getlist(FAILED_OF)[:1])
        return Selection(keys, query.urlencode(), back)
    filters = query.copy()
    for name in ("all", "device"):
        filters.pop(name, None)
    back = reverse("console:devices") + (f"?{filters.urlencode()}" if filters else "")
    return Selection(keys, query.urlencode(), back)


@role_required(Role.OPERATOR)
@_choosing
def list_commands(request: HttpRequest, selection: Selection) -> HttpResponse:
    """Answer with every command that can be undone: each device is asked whether it can obey."""
    kinds = [kind for kind in COMMAND_TYPES.values() if not kind.is_destructive]
    text = request.GET.get(SEARCHED, "")[:100]
    sections = build_sections(request, facts=DeviceFacts(), kinds=kinds, text=text)
    context = {"sections": sections, "selection": selection, "text": text}
    partial = request.headers.get("HX-Target") == "command-list"
    name = "selected_command_list" if partial else "selected_commands"
    return render(request, f"console/device/{name}.html", context)


@role_required(Role.OPERATOR)
@_choosing
def send_command(request: HttpRequest, selection: Selection, *, name: str) -> HttpResponseBase:
    kind = get_kind(request, name)
    if kind.is_destructive:
        raise PermissionDenied
    answer = _answer_command if is_harmless(kind) else recent_sign_in_required(_answer_command)
    return answer(request, selection, kind)


def _answer_command(request: HttpRequest, selection: Selection, kind: CommandType) -> HttpResponse:
    form = CommandForm(*get_posted(request), kind=kind)

    def queue() -> HttpResponse:
        bulk = request_bulk(
            selection.keys,
            name=kind.name,
            parameters=form.get_parameters(),
            actor=get_actor(request),
        )
        return _lead_to(request, bulk)

    if form.is_valid() and (answer := try_to_queue(form, queue)):
        return answer
    return _show(request, selection, form=form, title=kind.title, note=kind.note)


@role_required(Role.OPERATOR)
@_choosing
def assign_group(request: HttpRequest, selection: Selection) -> HttpResponse:
    form = SelectionGroupForm(*get_posted(request))
    if form.is_valid():
        group = form.cleaned_data["group"]
        bulk = assign_group_to_many(selection.keys, group=group, actor=get_actor(request))
        return _lead_to(request, bulk)
    return _show(request, selection, form=form, title=_("Assign group"))


@role_required(Role.ADMINISTRATOR, write=Role.ADMINISTRATOR)
@recent_sign_in_required
@_choosing
def unenroll(request: HttpRequest, selection: Selection) -> HttpResponse:
    form = SelectionUnenrollForm(*get_posted(request), count=len(selection.keys))
    if form.is_valid():
        return _lead_to(request, unenroll_many(selection.keys, actor=get_actor(request)))
    note = _("The management profile is removed, and with it every setting and app that came "
             "through it.")  # fmt: skip
    return _show(request, selection, form=form, title=_("Unenroll"), note=note, is_danger=True)


def _show(
    request: HttpRequest,
    selection: Selection,
    *,
    form: Any,
    title: str,
    note: str = "",
    is_danger: bool = False,
) -> HttpResponse:
    context = {
        "selection": selection, "form": form, "title": title, "note": note, "is_danger": is_danger,
    }  # fmt: skip
    return render(request, "console/device/selected_form.html", context)


def _lead_to(request: HttpRequest, bulk: BulkCommand) -> HttpResponse:
    words = ngettext(
        "%d device is worked on; one that cannot obey is left out.",
        "%d devices are worked on, one after the other; those that cannot obey are left out.",
        bulk.total,
    )
    messages.success(request, words % bulk.total)
    return redirect("console:bulk-command", bulk.public_id)


selection_urlpatterns: list[URLPattern] = [
    path("selected-devices/commands", list_commands, name="devices-send"),
    path("selected-devices/commands/<str:name>", send_command, name="devices-command"),
    path("selected-devices/group", assign_group, name="devices-group"),
    path("selected-devices/unenroll", unenroll, name="devices-unenroll"),
]
