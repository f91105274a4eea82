"""Devices › Sent to many: what was asked of many devices at once, and what has become of it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from devices.errors import CommandOver
from devices.forms.bulk_commands import BulkFilter, BulkRowFilter
from devices.models import OPEN_STATES, BulkCommand, Command, CommandState
from devices.protocol.commands import COMMAND_TYPES, get_title
from devices.selectors import (
    FAILED,
    count_bulk_states,
    list_bulk_commands,
    list_refused_devices,
)
from devices.services.bulk_commands import cancel_bulk, get_bulk_role
from organization.console import PAST, ListPage, Sort, get_actor, role_required
from organization.models import may

SHOWN_REFUSED = 20
"""Devices that are named for each reason."""


def _list_bulks() -> Any:
    return BulkCommand.objects.defer("parameters", "waiting", "refused_devices")


BULKS = ListPage(
    title=_("Devices"),
    tab=_("Sent to many"),
    columns=(_("Command"), _("Progress"), _("Who"), Sort("created_at", _("Time"), PAST, ("pk",))),
    default_ordering="-created_at",
    template="console/bulk/list.html",
    row_template="console/bulk/row.html",
    get_rows=_list_bulks,
    filterset=BulkFilter,
    empty_title=_("Nothing yet"),
    empty_text=_("Choose devices in the list, or open a group, and send them a command."),
)
COMMANDS = ListPage(
    title="",
    columns=(_("Device"), _("Status"), _("Queued"), _("Finished")),
    template="console/bulk/bulk.html",
    row_template="console/bulk/command_row.html",
    get_rows=Command.objects.none,
    filterset=BulkRowFilter,
    is_huge=True,
    empty_title=_("No commands"),
    empty_text=_("No device has been sent one yet."),
)


@role_required()
def list_bulks(request: HttpRequest) -> HttpResponse:
    return BULKS.render(request)


@role_required()
def show_bulk(request: HttpRequest, key: str) -> HttpResponse:
    """Answer with the page; polling gets counts and rows alone."""
    bulk = get_object_or_404(BulkCommand.objects.defer("parameters", "waiting"), public_id=key)
    rows, states, state = list_bulk_commands(bulk), count_bulk_states(bulk), _read_state(request)
    page = replace(
        COMMANDS,
        title=get_title(bulk.name),
        get_rows=lambda: rows,
        known_count=None if request.GET.get("q") else states[state] if state else states.total(),
    )
    return page.render(
        request, bulk=bulk, **_describe(bulk, states=states, state=state, user=request.user)
    )


def _read_state(request: HttpRequest) -> str:
    state = request.GET.get("state", "")
    return state if state in CommandState.values else ""


@role_required()
def cancel(request: HttpRequest, key: str) -> HttpResponse:
    """Take back what is left of it; who may send it may do so."""
    bulk = get_object_or_404(BulkCommand.objects.defer("parameters", "waiting"), public_id=key)
    if request.method == "POST":
        if not may(request.user, get_bulk_role(bulk.name)):
            raise PermissionDenied
        try:
            cancel_bulk(bulk, actor=get_actor(request), now=timezone.now())
            messages.success(request, gettext("What is not answered is taken back."))
        except CommandOver as refusal:
            messages.error(request, str(refusal))
    return redirect("console:bulk-command", key)


def _describe(bulk: BulkCommand, *, states: Counter[str], state: str, user: Any) -> dict[str, Any]:
    kind = COMMAND_TYPES.get(bulk.name)
    asked = bulk.queued + bulk.refused
    open_count = sum(states[each] for each in OPEN_STATES)
    return {
        "tabs_template": "console/bulk/progress.html",
        "minimum_role": get_bulk_role(bulk.name),
        "state": state,
        "tabs": [(CommandState(each), count) for each, count in states.items()],
        "count": states.total(),
        "asked": asked,
        "done": states[CommandState.ACKNOWLEDGED],
        "failed": sum(states[each] for each in FAILED),
        "is_command": bulk.name in COMMAND_TYPES,
        "again": kind if kind and may(user, kind.minimum_role) else None,
        "is_moving": bulk.finished_at is None or open_count > 0,
        "refusals": list(_describe_refusals(bulk)),
    }


def _describe_refusals(bulk: BulkCommand) -> Iterator[dict[str, Any]]:
    """Yield each reason with how many devices have it, and the first of them."""
    refused = sorted(list_refused_devices(bulk), key=itemgetter(1))
    named = {
        reason: [device for device, _reason in rows]
        for reason, rows in groupby(refused, key=itemgetter(1))
    }
    for reason, count in sorted(bulk.refusals.items(), key=itemgetter(1), reverse=True):
        devices = named.get(reason, [])[:SHOWN_REFUSED]
        yield {
            "reason": reason, "count": count, "devices": devices, "rest": count - len(devices),
        }  # fmt: skip


progress_urlpatterns: list[URLPattern] = [
    path("bulk-commands/", list_bulks, name="bulk-commands"),
    path("bulk-commands/<str:key>", show_bulk, name="bulk-command"),
    path("bulk-commands/<str:key>/cancel", cancel, name="bulk-command-cancel"),
]
