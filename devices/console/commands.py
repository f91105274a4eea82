"""Administrators' doors to commands: the list of them, one form for each, raw ones, secrets."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from devices.errors import CommandInvalid, NotEnrolled, ParameterInvalid
from devices.forms import CommandForm, RawCommandForm
from devices.models import Command, CommandState, Device, DeviceStatus, Group
from devices.protocol.commands import COMMAND_TYPES, CommandType, DeviceFacts, Kind
from devices.selectors import find_live_enrollment, get_device_facts, list_secrets
from devices.services.actions import queue_command
from devices.services.erase import ERASE, find_erase_warning
from devices.services.escrow import reveal_secret
from devices.services.raw_commands import queue_raw_command
from organization.console import get_actor, recent_sign_in_required, role_required
from organization.models import Role, may

Queued = TypeVar("Queued")
FRUITLESS = (
    CommandState.ERROR,
    CommandState.FORMAT_ERROR,
    CommandState.CANCELLED,
    CommandState.EXPIRED,
)


@role_required(Role.OPERATOR)
def list_commands(request: HttpRequest, key: str) -> HttpResponse:
    """Answer with its platform's commands by kind; what it cannot obey, with the reason."""
    device = _get_device(key)
    urls = {
        "back": "console:device",
        "menu": "console:device-send",
        "form": "console:device-command",
    }
    return render_menu(
        request, device, facts=_get_facts(device), urls=urls, kinds=COMMAND_TYPES.values()
    )


def render_menu(
    request: HttpRequest,
    subject: Device | Group,
    *,
    facts: DeviceFacts,
    urls: dict[str, str],
    kinds: Iterable[CommandType],
) -> HttpResponse:
    """Answer with the list of commands for a device or a group, or htmx with its rows alone."""
    text = request.GET.get("q", "")[:100]
    sections = build_sections(request, facts=facts, kinds=kinds, text=text)
    context = {"subject": subject, "urls": urls, "q": text, "sections": sections}
    partial = request.headers.get("HX-Target") == "command-list"
    template = "console/device/command_list.html" if partial else "console/device/send.html"
    return render(request, template, context)


def build_sections(
    request: HttpRequest, *, facts: DeviceFacts, kinds: Iterable[CommandType], text: str = ""
) -> list[dict[str, Any]]:
    """Return the commands that the person may send and whose words match, by kind."""
    rows: list[dict[str, Any]] = [
        {"kind": kind, "refusal": kind.find_refusal(facts)}
        for kind in kinds
        if kind.exists_on(facts.platform)
        and may(request.user, kind.minimum_role)
        and _matches(kind, text.lower().split())
    ]
    return list(_group(rows))


def _group(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows by kind; destructive commands come last, apart."""
    for section in Kind:
        of_kind = [row for row in rows if row["kind"].kind is section and not _is_apart(row)]
        if of_kind:
            yield {"title": section.value, "rows": of_kind}
    if apart := [row for row in rows if _is_apart(row)]:
        yield {"title": _("Cannot be undone"), "rows": apart, "is_destructive": True}


def _is_apart(row: dict[str, Any]) -> bool:
    return bool(row["kind"].is_destructive)


def _matches(kind: CommandType, words: list[str]) -> bool:
    text = f"{kind.name} {kind.title} {kind.kind}".lower()
    return all(word in text for word in words)


@role_required(Role.OPERATOR)
def send_command(request: HttpRequest, key: str, name: str) -> HttpResponseBase:
    """Show the form of one command; once it is filled in, queue it and go back to the device."""
    kind = get_kind(request, name)
    answer = _answer_command if is_harmless(kind) else recent_sign_in_required(_answer_command)
    return answer(request, _get_device(key), kind)


def get_kind(request: HttpRequest, name: str) -> CommandType:
    """Return the row of the table; raises Http404, and PermissionDenied by its role."""
    kind = COMMAND_TYPES.get(name)
    if kind is None:
        raise Http404
    if not may(request.user, kind.minimum_role):
        raise PermissionDenied
    return kind


def find_form(request: HttpRequest, command: Command) -> CommandType | None:
    """Return what sends the like of a command that came to nothing; none for the server's own.

    Those it sends anew by itself, or when a policy's item is tried again.
    """
    is_asked_for = "@" in command.origin or command.origin.startswith(("key:", "bulk:"))
    if command.state not in FRUITLESS or command.user_channel_id or not is_asked_for:
        return None
    kind = COMMAND_TYPES.get(command.request_type)
    return kind if kind and may(request.user, kind.minimum_role) else None


def is_harmless(kind: CommandType) -> bool:
    """Say whether no recent sign-in is asked for."""
    return kind.kind is not Kind.SECURITY and kind.minimum_role == Role.OPERATOR.value


def _tell_queued(request: HttpRequest, device: Device, *, title: str) -> None:
    """A device that is not managed may never come for it: that is no success yet."""
    if device.status == DeviceStatus.NOT_MANAGED:
        text = _("“%(title)s” waits, for the device is not managed now: %(reason)s")
        words = {"title": title, "reason": device.status_reason}
        messages.warning(request, text % words)
        return
    messages.success(request, _("“%(title)s” is on its way.") % {"title": title})


def _answer_command(request: HttpRequest, device: Device, kind: CommandType) -> HttpResponse:
    form = CommandForm(*get_posted(request), row=device, kind=kind)

    def queue() -> Command:
        return queue_command(
            device,
            request_type=kind.name,
            parameters=form.get_parameters(),
            actor=get_actor(request),
        )

    if form.is_valid() and try_to_queue(form, queue) is not None:
        _tell_queued(request, device, title=str(kind.title))
        return redirect("console:device", device.public_id)
    context = {
        "subject": device,
        "urls": {"back": "console:device", "form": "console:device-command"},
        "kind": kind,
        "form": form,
        "refusal": kind.find_refusal(_get_facts(device)),
        "warning": find_erase_warning(device) if kind.name == ERASE else "",
    }
    return render(request, "console/device/command.html", context)


def get_posted(request: HttpRequest) -> tuple[Any, ...]:
    """Return a form's data and files, nothing for a form that is only shown."""
    return (request.POST, request.FILES) if request.method == "POST" else ()


def try_to_queue(form: CommandForm, queue: Callable[[], Queued]) -> Queued | None:
    """Return what was queued; or None, with the refusal beside the field that it is about."""
    try:
        return queue()
    except ParameterInvalid as refusal:
        name = refusal.parameter
        form.add_error(name if name in form.fields else None, refusal.reason)
    except (NotEnrolled, CommandInvalid) as refusal:
        form.add_error(None, str(refusal))
    return None


@role_required(Role.ADMINISTRATOR, write=Role.ADMINISTRATOR)
@recent_sign_in_required
def send_raw_command(request: HttpRequest, key: str) -> HttpResponse:
    """Take the property list of a command that the table may not know."""
    device = _get_device(key)
    form = RawCommandForm(*get_posted(request), row=device)
    if form.is_valid():
        try:
            queue_raw_command(
                device, content=form.cleaned_data["command"], actor=get_actor(request)
            )
        except (NotEnrolled, CommandInvalid) as refusal:
            form.add_error(None, str(refusal))
        else:
            _tell_queued(request, device, title=_("Command of your own"))
            return redirect("console:device", device.public_id)
    return render(request, "console/device/raw_command.html", {"device": device, "form": form})


@role_required(Role.ADMINISTRATOR, write=Role.ADMINISTRATOR)
@recent_sign_in_required
def show_secret(request: HttpRequest, key: str, secret: str) -> HttpResponse:
    """Ask whether to reveal a kept secret; a POST does, and is noted."""
    device = _get_device(key)
    row = get_object_or_404(list_secrets(device), public_id=secret)
    context: dict[str, Any] = {"device": device, "secret": row}
    if request.method == "POST":
        context |= {"value": reveal_secret(row, actor=get_actor(request)), "is_revealed": True}
    return render(request, "console/device/secret.html", context)


def _get_device(key: str) -> Device:
    return get_object_or_404(Device.objects.select_related("group"), public_id=key)


def _get_facts(device: Device) -> DeviceFacts:
    return get_device_facts(device, enrollment=find_live_enrollment(device))


def _path(route: str, command: str, name: str) -> URLPattern:
    return path(route, send_command, {"name": command}, name=name)


command_urlpatterns: list[URLPattern] = [
    path("devices/<str:key>/send", list_commands, name="device-send"),
    path("devices/<str:key>/send/<str:name>", send_command, name="device-command"),
    path("devices/<str:key>/send-raw", send_raw_command, name="device-raw-command"),
    path("devices/<str:key>/secrets/<str:secret>", show_secret, name="device-secret"),
    _path("devices/<str:key>/restart", "RestartDevice", "device-restart"),
    _path("devices/<str:key>/lock", "DeviceLock", "device-lock"),
    _path("devices/<str:key>/erase", "EraseDevice", "device-erase"),
]
