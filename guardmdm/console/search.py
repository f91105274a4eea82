"""The command palette: a few words, and where they lead."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.models import Device, Group, SoftwareTitle
from devices.selectors import filter_by_words
from enrollment.models import EnrollmentToken
from organization.console import role_required
from organization.models import Role, may
from organization.protocol.json_check import UNTYPED
from policies.models import Package, Policy
from scep.models import ScepProfile

MOST = 6  # hits of one kind
PAGES = (
    ("console:dashboard", gettext_lazy("Dashboard"), Role.AUDITOR),
    ("console:devices", gettext_lazy("Devices"), Role.AUDITOR),
    ("console:software", gettext_lazy("Apps"), Role.AUDITOR),
    ("console:bulk-commands", gettext_lazy("Sent to many"), Role.AUDITOR),
    ("console:groups", gettext_lazy("Groups"), Role.AUDITOR),
    ("console:policies", gettext_lazy("Policies"), Role.AUDITOR),
    ("console:failed-items", gettext_lazy("Failed items"), Role.AUDITOR),
    ("console:packages", gettext_lazy("Packages"), Role.AUDITOR),
    ("console:tokens", gettext_lazy("Tokens"), Role.AUDITOR),
    ("console:token-new", gettext_lazy("Generate Token"), Role.OPERATOR),
    ("console:scep-profiles", gettext_lazy("SCEP profiles"), Role.AUDITOR),
    ("console:log", gettext_lazy("Log"), Role.AUDITOR),
    ("console:sessions", gettext_lazy("Sessions"), Role.AUDITOR),
    ("console:push-certificate", gettext_lazy("Push certificate"), Role.AUDITOR),
    ("console:certificates", gettext_lazy("Certificates"), Role.AUDITOR),
    ("console:authorities", gettext_lazy("Authorities"), Role.AUDITOR),
    ("console:held-requests", gettext_lazy("Waiting for approval"), Role.AUDITOR),
    ("console:administrators", gettext_lazy("Administrators"), Role.AUDITOR),
    ("console:api-keys", gettext_lazy("API keys"), Role.ADMINISTRATOR),
    ("console:webhooks", gettext_lazy("Webhooks"), Role.AUDITOR),
    ("console:audit-log", gettext_lazy("Audit log"), Role.AUDITOR),
    ("console:doctor", gettext_lazy("Doctor"), Role.ADMINISTRATOR),
    ("console:settings", gettext_lazy("Settings"), Role.AUDITOR),
)


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
    everything = [*_search(text), Hits(_("Pages"), _find_pages(request, text))] if text else []
    found = [hits for hits in everything if hits.hits]
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


def _find_pages(request: HttpRequest, text: str) -> list[Hit]:
    return [
        Hit(reverse(view), str(title))
        for view, title, role in PAGES
        if text.lower() in title.lower() and may(request.user, role)
    ][:MOST]


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
