"""The command palette: a few words, and where they lead."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from devices.models import Device, Group, SoftwareTitle
from devices.selectors import filter_by_words
from enrollment.models import EnrollmentToken
from organization.console import role_required
from organization.protocol.json_check import UNTYPED
from policies.models import Package, Policy
from scep.models import ScepProfile

MOST = 6  # hits of one kind


@dataclass(frozen=True)
class Hit:
    url: str
    title: str
    note: str = ""


@dataclass(frozen=True)
class Hits:
    title: str
    hits: list[Hit]


@role_required()
def search(request: HttpRequest) -> HttpResponse:
    text = UNTYPED.sub(" ", request.GET.get("q", "")).strip()[:200]
    found = [hits for hits in _search(text) if hits.hits] if text else []
    partial = bool(request.htmx)  # type: ignore[attr-defined]
    template = "console/search_results.html" if partial else "console/search.html"
    return render(request, template, {"found": found, "text": text})


def _search(text: str) -> list[Hits]:
    return [
        Hits(_("Devices"), [_describe_device(device) for device in _find_devices(text)]),
        Hits(_("Apps"), _find(SoftwareTitle.objects.all(), text, view="console:software-title")),
        Hits(_("Groups"), _find(Group.objects.all(), text, view="console:group")),
        Hits(_("Policies"), _find(Policy.objects.all(), text, view="console:policy")),
        Hits(_("Packages"), _find(Package.objects.all(), text, view="console:package")),
        Hits(_("Tokens"), _find(EnrollmentToken.objects.filter(parent=None), text, view=None)),
        Hits(_("SCEP"), _find(ScepProfile.objects.all(), text, view="console:scep-profile")),
    ]


def _find_devices(text: str) -> "QuerySet[Device]":
    return filter_by_words(Device.objects.all(), text)[:MOST]


def _describe_device(device: Device) -> Hit:
    url = reverse("console:device", args=[device.public_id])
    return Hit(url, str(device), device.serial_number)


def _find(rows: "QuerySet[Any]", text: str, *, view: str | None) -> list[Hit]:
    build: Callable[[Any], str] = (
        (lambda row: reverse(view, args=[row.public_id]))
        if view
        else (lambda row: reverse("console:token-page", args=[row.jti]))
    )
    return [Hit(build(row), str(row)) for row in rows.filter(name__icontains=text)[:MOST]]
