"""Enrollment › Log."""

from typing import Any

from django.db.models import QuerySet
from django.urls import URLPattern
from django.utils.translation import gettext_lazy

from enrollment.forms import LogFilter
from enrollment.models import LogEntry
from enrollment.selectors import list_sessions, put_devices
from enrollment.services.diagnosis import get_advice
from organization.console import PAST, ListPage, Section, Sort
from scep.models import ScepProfile

LOG = Section(
    name="log",
    item="log-entry",
    route="enrollment/log/",
    page=ListPage(
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
        empty_title=gettext_lazy("Nothing has happened yet"),
        empty_text=gettext_lazy("Open an enrollment link on a device: every step is noted here."),
    ),
    item_template="console/log/entry.html",
    get_item_context=lambda request, entry: {
        "code": get_advice(entry),
        "path": list_session_entries(entry),
        "device": find_device(entry),
        "session": list_sessions().filter(public_id=entry.session_id).first(),
        "scep_profile": find_scep_profile(entry),
    },
)


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


urlpatterns: list[URLPattern] = LOG.build_urls()
