"""Administrators' doors to one command for all devices of a group."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import ngettext

from devices.console.commands import get_kind, get_posted, is_harmless, render_menu, try_to_queue
from devices.forms import CommandForm
from devices.models import BulkCommand, Group
from devices.protocol.commands import COMMAND_TYPES, CommandType, DeviceFacts
from devices.selectors import list_group_device_keys
from devices.services.bulk_commands import request_bulk
from organization.console import get_actor, recent_sign_in_required, role_required
from organization.models import Role


@role_required(Role.OPERATOR)
def list_group_commands(request: HttpRequest, key: str) -> HttpResponse:
    """Answer with every command that can be undone: each device is asked whether it can obey."""
    group = get_object_or_404(Group, public_id=key)
    urls = {"back": "console:group", "menu": "console:group-send", "form": "console:group-command"}
    kinds = [kind for kind in COMMAND_TYPES.values() if not kind.is_destructive]
    return render_menu(request, group, facts=DeviceFacts(), urls=urls, kinds=kinds)


@role_required(Role.OPERATOR)
def send_group_command(request: HttpRequest, key: str, name: str) -> HttpResponseBase:
    """Show the form of one command; once it is filled in, queue it for the group's devices."""
    kind = get_kind(request, name)
    if kind.is_destructive:
        raise PermissionDenied
    answer = _answer if is_harmless(kind) else recent_sign_in_required(_answer)
    return answer(request, get_object_or_404(Group, public_id=key), kind)


def _answer(request: HttpRequest, group: Group, kind: CommandType) -> HttpResponse:
    form, keys = CommandForm(*get_posted(request), kind=kind), list_group_device_keys(group)

    def queue() -> BulkCommand:
        return request_bulk(
            keys, name=kind.name, parameters=form.get_parameters(), actor=get_actor(request)
        )

    if form.is_valid() and (bulk := try_to_queue(form, queue)):
        words = ngettext("%d device is asked.", "%d devices are asked.", len(keys)) % len(keys)
        messages.success(request, words)
        return redirect("console:bulk-command", bulk.public_id)
    urls = {"back": "console:group", "form": "console:group-command"}
    context = {"subject": group, "urls": urls, "kind": kind, "form": form, "count": len(keys)}
    return render(request, "console/device/command.html", context)


bulk_urlpatterns: list[URLPattern] = [
    path("groups/<str:key>/send", list_group_commands, name="group-send"),
    path("groups/<str:key>/send/<str:name>", send_group_command, name="group-command"),
]
