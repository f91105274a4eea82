"""Administrators' doors: what is done to one device."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from devices.console.commands import find_form
from devices.console.device_list import list_rows
from devices.errors import CommandInvalid, CommandOver, NotEnrolled, StillEnrolled, WarningGone
from devices.forms import ConfirmDeviceForm, DeviceForm
from devices.models import Device
from devices.protocol.commands import get_minimum_role
from devices.selectors import (
    find_live_enrollment,
    find_subjects,
    is_deletable,
    list_commands,
    list_secrets,
)
from devices.services import actions
from devices.services.deletion import delete_device
from devices.services.queries import FACT_SETS
from organization.console import get_actor, recent_sign_in_required, role_required
from organization.forms import ConsoleForm
from organization.models import Role, may

Act = Callable[..., Any]


def _get_device(key: str) -> Device:
    return get_object_or_404(list_rows(), public_id=key)


@role_required()
def push_device(request: HttpRequest, key: str) -> HttpResponse:
    """Say that a push is on its way, or why none can be."""
    device = _get_device(key)
    if request.method == "POST":
        try:
            obstacle = actions.push_now(device, actor=get_actor(request))
        except NotEnrolled as refusal:
            messages.error(request, str(refusal))
        else:
            if obstacle:
                messages.warning(request, obstacle)
            else:
                messages.success(request, _("A push is on its way."))
    return redirect("console:device", key)


@role_required()
def refresh_device(request: HttpRequest, key: str) -> HttpResponse:
    device = _get_device(key)
    if request.method == "POST":
        try:
            actions.refresh(device, actor=get_actor(request))
            messages.success(request, _("The device is asked for its facts."))
        except NotEnrolled as refusal:
            messages.error(request, str(refusal))
    return redirect("console:device", key)


@role_required()
def dismiss_warning(request: HttpRequest, key: str) -> HttpResponse:
    """Take away the warning that the person has read; one that came meanwhile stays."""
    device = _get_device(key)
    if request.method == "POST":
        read = request.POST.get("warning", "")
        try:
            actions.dismiss_warning(device, warning=read, actor=get_actor(request))
            messages.success(request, _("The warning is dismissed."))
        except WarningGone as refusal:
            messages.warning(request, str(refusal))
    return redirect("console:device", key)


@role_required()
def ask_device(request: HttpRequest, key: str, facts: str) -> HttpResponse:
    if facts not in FACT_SETS:
        raise Http404
    device = _get_device(key)
    if request.method == "POST":
        try:
            actions.ask(device, facts=facts, actor=get_actor(request))
            messages.success(request, _("The device is asked."))
        except (NotEnrolled, CommandInvalid) as refusal:
            messages.error(request, str(refusal))
    return redirect(f"console:device-{facts}", key)


@role_required(Role.OPERATOR)
def edit_device(request: HttpRequest, key: str) -> HttpResponse:
    return _answer_form(
        request,
        _get_device(key),
        form_class=DeviceForm,
        template="console/device/edit.html",
        act=actions.update_device,
        done=_("Saved."),
    )


@role_required(Role.ADMINISTRATOR, write=Role.ADMINISTRATOR)
@recent_sign_in_required
def unenroll_device(request: HttpRequest, key: str) -> HttpResponse:
    """End a device's management, once its serial number is typed: it takes people's work along."""
    return _answer_form(
        request,
        _get_device(key),
        form_class=ConfirmDeviceForm,
        template="console/device/unenroll.html",
        act=_unenroll,
        done=_("The device is no longer managed."),
    )


def _unenroll(device: Device, *, confirmation: str, actor: str) -> None:
    actions.unenroll(device, actor=actor)


@role_required(Role.ADMINISTRATOR, write=Role.ADMINISTRATOR)
@recent_sign_in_required
def forget_device(request: HttpRequest, key: str) -> HttpResponse:
    """Delete the record of a device that has left, once its serial number is typed."""
    device = _get_device(key)
    form = ConfirmDeviceForm(request.POST if request.method == "POST" else None, row=device)
    if form.is_valid():
        try:
            delete_device(device, actor=get_actor(request))
        except StillEnrolled as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("“%s” is deleted.") % device)
            return redirect("console:devices")
    context = {
        "device": device,
        "form": form,
        "is_deletable": is_deletable(device),
        "is_leaving": find_live_enrollment(device) is not None,
        "secrets": list_secrets(device).count(),
    }
    return render(request, "console/device/delete.html", context)


@role_required()
def show_command(request: HttpRequest, key: str, command: str) -> HttpResponse:
    """Answer with what has become of a command, and the device's own words."""
    device = _get_device(key)
    row = get_object_or_404(list_commands(device).defer(None).defer("body"), public_id=command)
    context = {
        "device": device,
        "command": row,
        "subject": find_subjects([row]).get(row.pk),
        "kind": find_form(request, row) if find_live_enrollment(device) else None,
    }
    return render(request, "console/device/answer.html", context)


@role_required(Role.ADMINISTRATOR, write=Role.ADMINISTRATOR)
@recent_sign_in_required
def reveal_pin(request: HttpRequest, key: str, command: str) -> HttpResponse:
    device = _get_device(key)
    row = get_object_or_404(list_commands(device), public_id=command)
    context: dict[str, Any] = {"device": device, "command": row}
    if request.method == "POST":
        try:
            context["pin"] = actions.reveal_pin(row, actor=get_actor(request))
        except CommandInvalid as refusal:
            messages.error(request, str(refusal))
            return redirect("console:device", key)
    return render(request, "console/device/pin.html", context)


@role_required()
def cancel_command(request: HttpRequest, key: str, command: str) -> HttpResponse:
    """Take a command back; who may queue it may do so."""
    row = get_object_or_404(list_commands(_get_device(key)), public_id=command)
    if request.method == "POST":
        if not may(request.user, get_minimum_role(row.request_type)):
            raise PermissionDenied
        try:
            actions.cancel_command(row, actor=get_actor(request))
            messages.success(request, _("The command is cancelled."))
        except CommandOver as refusal:
            messages.error(request, str(refusal))
    return redirect("console:device", key)


def _answer_form(
    request: HttpRequest,
    device: Device,
    *,
    form_class: type[ConsoleForm],
    template: str,
    act: Act,
    done: str,
) -> HttpResponse:
    """Show the form of an action; once it is filled in, do it and go back to the device."""
    is_sent = request.method == "POST"
    form = form_class(
        request.POST if is_sent else None, request.FILES if is_sent else None, row=device
    )
    if form.is_valid():
        try:
            act(device, **form.cleaned_data, actor=get_actor(request))
        except (NotEnrolled, CommandInvalid) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, done)
            return redirect("console:device", device.public_id)
    return render(request, template, {"device": device, "form": form})


console_urlpatterns: list[URLPattern] = [
    path("devices/<str:key>/push", push_device, name="device-push"),
    path("devices/<str:key>/refresh", refresh_device, name="device-refresh"),
    path("devices/<str:key>/warning", dismiss_warning, name="device-warning"),
    path("devices/<str:key>/ask/<str:facts>", ask_device, name="device-ask"),
    path("devices/<str:key>/unenroll", unenroll_device, name="device-unenroll"),
    path("devices/<str:key>/delete", forget_device, name="device-delete"),
    path("devices/<str:key>/edit", edit_device, name="device-edit"),
    path("devices/<str:key>/commands/<str:command>", show_command, name="command"),
    path("devices/<str:key>/commands/<str:command>/pin", reveal_pin, name="command-pin"),
    path("devices/<str:key>/commands/<str:command>/cancel", cancel_command, name="command-cancel"),
]
