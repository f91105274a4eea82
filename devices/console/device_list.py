"""Administrators' doors: the list of devices, and its export."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy

from devices.console.columns import DEVICE_COLUMNS
from devices.forms import CURRENT, DeviceFilter, ExportForm
from devices.models import LARGE_OF_DEVICE, Device, DeviceStatus, Platform
from devices.selectors import count_devices_by_status
from organization.console import ListPage, build_csv_response, role_required

STATUS_ORDER = (
    DeviceStatus.MANAGED,
    DeviceStatus.ENROLLED,
    DeviceStatus.PENDING,
    DeviceStatus.NOT_MANAGED,
    DeviceStatus.UNENROLLED,
)

CSV_HEADER = (
    "name", "status", "platform", "os_version", "model", "serial_number", "udid",
    "owner", "owner_name", "group", "last_seen_at", "enrolled_at",
)  # fmt: skip


def list_rows() -> "QuerySet[Device]":
    """Return the devices, without what only their own pages show."""
    # Without the number of open commands: counting those of 100,000 devices takes seconds.
    return Device.objects.select_related("group").defer(*LARGE_OF_DEVICE)


def _build_tabs(request: HttpRequest) -> dict[str, Any]:
    counts = count_devices_by_status()
    return {
        "tabs_template": "console/device/tabs.html",
        "total": sum(counts.values()),
        "current": (CURRENT, sum(counts.values()) - counts[DeviceStatus.UNENROLLED]),
        "status": request.GET.get("status", ""),
        "chosen_filters": [
            (name, value)
            for name, value in request.GET.items()
            if value and name in DeviceFilter.base_filters
        ],
        "tabs": [(status, counts[status.value]) for status in STATUS_ORDER],
    }


DEVICES = ListPage(
    title=gettext_lazy("Devices"),
    columns=DEVICE_COLUMNS,
    template="console/device/list.html",
    row_template="console/device/row.html",
    get_rows=list_rows,
    filterset=DeviceFilter,
    empty_title=gettext_lazy("No devices yet"),
    empty_text=gettext_lazy("Generate a token under Enrollment › OTA › Tokens and open its link."),
    get_context=_build_tabs,
    is_huge=True,
    selection_template="console/device/selection.html",
)


@role_required()
def list_devices(request: HttpRequest) -> HttpResponse:
    return DEVICES.render(request)


@role_required()
def choose_export(request: HttpRequest) -> HttpResponse:
    """Ask which columns the file shall have; the list's filters go on with the form."""
    filters = [(name, value) for name, value in request.GET.items() if name != "page"]
    context = {"form": ExportForm(), "filters": filters}
    return render(request, "console/device/export.html", context)


@role_required()
def export_devices(request: HttpRequest) -> HttpResponseBase:
    form = ExportForm(request.GET)
    columns = form.cleaned_data["columns"] if form.is_valid() else []
    header = (*CSV_HEADER, *columns)
    rows = _build_csv_rows(DEVICES.order_rows(request), header)
    return build_csv_response("devices", header=header, rows=rows)


def _build_csv_rows(
    devices: "QuerySet[Device]", header: tuple[str, ...]
) -> Iterator[tuple[Any, ...]]:
    """Yield the columns alone: to make rows of them takes three times as long."""
    names = ["group__name" if name == "group" else name for name in header]
    labels = {"status": dict(DeviceStatus.choices), "platform": dict(Platform.choices)}
    words = [labels.get(name) for name in header]
    for values in devices.values_list(*names).iterator(chunk_size=1000):
        yield tuple(
            value if known is None else known.get(value, value)
            for value, known in zip(values, words, strict=True)
        )


list_urlpatterns: list[URLPattern] = [
    path("devices/", list_devices, name="devices"),
    path("devices/export.csv", export_devices, name="devices-export"),
    path("devices/export", choose_export, name="devices-export-form"),
]
