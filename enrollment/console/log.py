"""Enrollment › Log, and its CSV file."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy

from enrollment.forms import LogFilter
from enrollment.models import LogEntry
from enrollment.selectors import list_sessions, put_devices
from enrollment.services.diagnosis import get_advice
from organization.console import (
    PAST,
    ListPage,
    Section,
    Sort,
    build_csv_response,
    role_required,
)
from scep.models import ScepProfile

CHUNK = 1000
CSV_HEADER = (
    "time", "level", "code", "title", "message", "cause", "resolution", "device", "device_id",
    "device_serial_number", "token", "token_id", "session", "address", "detail",
)  # fmt: skip
PAGE = ListPage(
    title=gettext_lazy("Log"),
    path=(gettext_lazy("Enrollment"),),
    columns=(
        gettext_lazy("Entry"),
        gettext_lazy("Level"),
        gettext_lazy("Device"),
        gettext_lazy("Token"),
        Sort("created_at", gettext_lazy("Time, address"), PAST, ("pk",)),
    ),
    default_ordering="-created_at",
    template="console/log/list.html",
    row_template="console/log/row.html",
    get_rows=lambda: LogEntry.objects.select_related("token"),
    filterset=LogFilter,
    complete=put_devices,
    is_huge=True,
    export_view="console:log-export",
    empty_title=gettext_lazy("Nothing has happened yet"),
    empty_text=gettext_lazy("Open an enrollment link on a device: every step is noted here."),
)
LOG = Section(
    name="log",
    item="log-entry",
    route="enrollment/log/",
    page=PAGE,
    item_template="console/log/entry.html",
    get_item_context=lambda request, entry: {
        "code": get_advice(entry),
        "path": list_session_entries(entry),
        "device": find_device(entry),
        "session": list_sessions().filter(public_id=entry.session_id).first(),
        "scep_profile": find_scep_profile(entry),
    },
)


@role_required()
def export_entries(request: HttpRequest) -> HttpResponseBase:
    """Send what the filters show, however long and however far back."""
    return build_csv_response("enrollment-log", header=CSV_HEADER, rows=_build_csv_rows(request))


def _build_csv_rows(request: HttpRequest) -> Iterator[tuple[Any, ...]]:
    for part in PAGE.list_parts(request):
        found = part.iterator(chunk_size=CHUNK)
        while chunk := list(islice(found, CHUNK)):
            put_devices(chunk)
            yield from map(_build_csv_row, chunk)


def _build_csv_row(entry: Any) -> tuple[Any, ...]:
    advice, device, token = get_advice(entry), entry.device, entry.token
    return (
        entry.created_at, entry.level, entry.code, advice.title, entry.message, advice.cause,
        advice.resolution, device, device.public_id if device else entry.device_id,
        device.serial_number if device else "", token.name if token else "",
        token.jti if token else "", entry.session_id, entry.remote_address,
        json.dumps(entry.detail, ensure_ascii=False) if entry.detail else "",
    )  # fmt: skip


def find_device(entry: LogEntry) -> Any:
    put_devices([entry])
    return entry.device  # type: ignore[attr-defined]


def find_scep_profile(entry: LogEntry) -> ScepProfile | None:
    """Return the SCEP profile that the entry is about, while there is one."""
    return ScepProfile.objects.filter(public_id=entry.detail.get("scep_profile", "")).first()


def list_session_entries(entry: LogEntry) -> "QuerySet[LogEntry]":
    """Return the entries of the same enrollment attempt, oldest first."""
    rows = LogEntry.objects.order_by("id")
    return rows.filter(session_id=entry.session_id)[:100] if entry.session_id else rows.none()


urlpatterns: list[URLPattern] = [
    path("enrollment/log/export.csv", export_entries, name="log-export"),
    *LOG.build_urls(),
]
