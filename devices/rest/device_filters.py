"""What `devices` is filtered by."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework.request import Request

from devices.models import Device, DeviceStatus, Group, Platform
from devices.selectors import filter_by_words
from devices.services import device_search
from organization.rest.filters import (
    BoundedSearchFilter,
    FlagFilter,
    MomentFilter,
    RowFilter,
    RowFilters,
)

Devices = QuerySet[Device]


class DeviceSearch(BoundedSearchFilter):
    """By one index: the fields are searched as one text."""

    search_description = "Words; each must occur in its name, numbers, owner or model."

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        return filter_by_words(queryset, " ".join(self.get_search_terms(request)))


class DeviceFilters(RowFilters):
    status = filters.MultipleChoiceFilter(choices=DeviceStatus.choices, distinct=False)
    platform = filters.MultipleChoiceFilter(choices=Platform.choices, distinct=False)
    group = RowFilter(Group, "group")
    owner = filters.CharFilter()
    serial_number = filters.CharFilter()
    udid = filters.CharFilter()
    seen_before = MomentFilter(method="filter_seen_before")
    supervised = FlagFilter(field_name="is_supervised")
    os_version = filters.CharFilter(
        method="filter_os_version", max_length=32, help_text="`18` is every 18, `18.1` every 18.1."
    )
    os_version_lt = filters.CharFilter(
        method="filter_os_version_lt", max_length=32, help_text="Older than this version."
    )
    app = filters.CharFilter(
        method="filter_app", max_length=255, help_text="Bundle identifier of an app it has."
    )
    app_version = filters.CharFilter(
        method="filter_app_version", max_length=128, help_text="With `app`: only this version."
    )
    without_app = filters.CharFilter(
        method="filter_without_app",
        max_length=255,
        help_text="Bundle identifier of an app that its list lacks.",
    )
    missing_filevault = FlagFilter(
        method="filter_missing_filevault", help_text="Macs that said that it is off (true) or on."
    )
    missing_passcode = FlagFilter(
        method="filter_missing_passcode", help_text="Those that said that they have none (true)."
    )

    def filter_seen_before(self, rows: Devices, name: str, value: datetime) -> Devices:
        return device_search.filter_by_silence(rows, since=value)

    def filter_os_version(self, rows: Devices, name: str, value: str) -> Devices:
        return device_search.filter_by_os_version(rows, value)

    def filter_os_version_lt(self, rows: Devices, name: str, value: str) -> Devices:
        return device_search.filter_by_os_older_than(rows, value)

    def filter_app(self, rows: Devices, name: str, value: str) -> Devices:
        version: str = self.form.cleaned_data.get("app_version") or ""
        return device_search.filter_by_app(rows, value, version=version)

    def filter_app_version(self, rows: Devices, name: str, value: str) -> Devices:
        """Read by filter_app; a version of no app is a version that no device has."""
        return rows if self.form.cleaned_data.get("app") else rows.none()

    def filter_without_app(self, rows: Devices, name: str, value: str) -> Devices:
        return device_search.filter_without_app(rows, value)

    def filter_missing_filevault(self, rows: Devices, name: str, value: bool) -> Devices:
        return device_search.filter_by_missing_filevault(rows, missing=value)

    def filter_missing_passcode(self, rows: Devices, name: str, value: bool) -> Devices:
        return device_search.filter_by_missing_passcode(rows, missing=value)
