"""The console's forms and filters of devices and groups."""

from datetime import timedelta
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.forms.commands import CONFIRMATION, ConfirmationField
from devices.models import Device, DeviceStatus, Group, Platform
from devices.selectors import filter_by_words, get_start_of_days
from devices.services import device_search
from organization.forms import ConsoleFilterSet, ConsoleForm, SearchFilter

Devices = QuerySet[Device]
CURRENT = "current"  # what the dashboard and groups count: every device but those that have left


class DeviceSearch(SearchFilter):
    def filter(self, rows: Devices, value: str) -> Devices:
        return filter_by_words(rows, value or "")


class DeviceFilter(ConsoleFilterSet):
    q = DeviceSearch(placeholder=_("Search name, serial, UDID, owner…"))
    status = django_filters.ChoiceFilter(
        choices=[(CURRENT, _("Current")), *DeviceStatus.choices],
        method="filter_status",
        widget=forms.HiddenInput,
    )
    platform = django_filters.ChoiceFilter(
        label=_("Platform"), choices=Platform, empty_label=_("All")
    )
    group = django_filters.ModelChoiceFilter(
        label=_("Group"),
        queryset=Group.objects.all(),
        to_field_name="public_id",
        empty_label=_("All"),
    )

    os_version = django_filters.CharFilter(
        label=_("OS version"), method="filter_os_version", max_length=32
    )
    os_version_lt = django_filters.CharFilter(
        label=_("OS older than"), method="filter_os_version_lt", max_length=32
    )
    app = django_filters.CharFilter(
        label=_("Has app"),
        method="filter_app",
        max_length=255,
        widget=forms.TextInput(attrs={"placeholder": "com.example.app"}),
    )
    app_version = django_filters.CharFilter(
        label=_("App version"), method="filter_app_version", max_length=128
    )
    without_app = django_filters.CharFilter(
        label=_("Lacks app"),
        method="filter_without_app",
        max_length=255,
        widget=forms.TextInput(attrs={"placeholder": "com.example.app"}),
    )
    missing_filevault = django_filters.ChoiceFilter(
        label="FileVault",
        choices=(("true", _("Off")), ("false", _("On"))),
        method="filter_missing_filevault",
        empty_label=_("All"),
    )
    missing_passcode = django_filters.ChoiceFilter(
        label=_("Passcode"),
        choices=(("true", _("None set")), ("false", _("Set"))),
        method="filter_missing_passcode",
        empty_label=_("All"),
    )
    supervised = django_filters.ChoiceFilter(
        field_name="is_supervised",
        label=_("Supervised"),
        choices=((True, _("Yes")), (False, _("No"))),
        empty_label=_("All"),
    )
    seen_before = django_filters.ChoiceFilter(
        label=_("Last seen"),
        choices=(
            ("1", _("More than a day ago")),
            ("7", _("More than a week ago")),
            ("30", _("More than 30 days ago")),
        ),
        method="filter_seen_before",
        empty_label=_("Any time"),
    )
    enrolled = django_filters.ChoiceFilter(
        label=_("Enrolled"),
        choices=(("7", _("In the last 7 days")), ("30", _("In the last 30 days"))),
        method="filter_enrolled",
        empty_label=_("Any time"),
    )
    more = (
        "os_version",
        "os_version_lt",
        "app",
        "app_version",
        "without_app",
        "missing_filevault",
        "missing_passcode",
        "supervised",
        "seen_before",
        "enrolled",
    )

    class Meta:
        model = Device
        fields: tuple[str, ...] = ()

    def filter_status(self, rows: Devices, name: str, value: str) -> Devices:
        if value == CURRENT:
            return rows.exclude(status=DeviceStatus.UNENROLLED)
        return rows.filter(status=value)

    def filter_enrolled(self, rows: Devices, name: str, value: str) -> Devices:
        return rows.filter(enrolled_at__gte=get_start_of_days(int(value)))

    def filter_os_version(self, rows: Devices, name: str, value: str) -> Devices:
        return device_search.filter_by_os_version(rows, value)

    def filter_os_version_lt(self, rows: Devices, name: str, value: str) -> Devices:
        return device_search.filter_by_os_older_than(rows, value)

    def filter_app(self, rows: Devices, name: str, value: str) -> Devices:
        version: str = self.form.cleaned_data.get("app_version") or ""
        return device_search.filter_by_app(rows, value, version=version)

    def filter_app_version(self, rows: Devices, name: str, value: str) -> Devices:
        return rows  # filter_app has read it; without an app it means nothing

    def filter_without_app(self, rows: Devices, name: str, value: str) -> Devices:
        return device_search.filter_without_app(rows, value)

    def filter_missing_filevault(self, rows: Devices, name: str, value: str) -> Devices:
        return device_search.filter_by_missing_filevault(rows, missing=value == "true")

    def filter_missing_passcode(self, rows: Devices, name: str, value: str) -> Devices:
        return device_search.filter_by_missing_passcode(rows, missing=value == "true")

    def filter_seen_before(self, rows: Devices, name: str, value: str) -> Devices:
        since = timezone.now() - timedelta(days=int(value))
        return device_search.filter_by_silence(rows, since=since)


# What the CSV file may hold beside what the list shows: columns of Device.
INVENTORY_COLUMNS = {
    "build_version": _("OS build"),
    "is_supervised": _("Supervised"),
    "passcode_present": _("Passcode set"),
    "passcode_compliant": _("Passcode meets the rules"),
    "filevault_enabled": _("FileVault"),
    "recovery_key": _("Recovery key"),
    "recovery_key_escrowed": _("Recovery key escrowed"),
    "firewall_enabled": _("Firewall"),
    "sip_enabled": _("System Integrity Protection"),
    "secure_boot": _("Secure boot"),
    "remote_desktop_enabled": _("Remote desktop"),
    "activation_lock_enabled": _("Activation lock"),
    "hardware_encryption": _("Hardware encryption"),
    "capacity": _("Capacity (GB)"),
    "available_capacity": _("Free (GB)"),
    "battery_level": _("Battery"),
    "imei": _("IMEI"),
    "phone_number": _("Phone number"),
    "wifi_mac": _("Wi-Fi address"),
    "bluetooth_mac": _("Bluetooth address"),
    "ethernet_mac": _("Ethernet address"),
    "information_reported_at": _("Facts reported"),
    "security_reported_at": _("Security reported"),
    "applications_reported_at": _("Apps reported"),
}


class ExportForm(ConsoleForm):
    columns = forms.MultipleChoiceField(
        label=_("Add to the file"),
        choices=list(INVENTORY_COLUMNS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class GroupFilter(ConsoleFilterSet):
    q = SearchFilter("name", "description", placeholder=_("Search groups…"))

    class Meta:
        model = Group
        fields: tuple[str, ...] = ()


class GroupForm(ConsoleForm):
    name = forms.CharField(label=_("Name"), max_length=100)
    description = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    lists_all_apps = forms.BooleanField(
        label=_("List every app of devices that are not supervised"),
        required=False,
        help_text=_(
            "Such devices may belong to people. Left off, only apps and certificates that this"
            " server has installed are listed there; supervised devices list everything."
        ),
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        self.refuse_duplicate(Group.objects.all(), name=name)
        return name


class ConfirmDeviceForm(ConsoleForm):
    """The serial number, typed: nothing else is asked."""

    def __init__(self, *args: Any, row: Device, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        self.fields[CONFIRMATION] = ConfirmationField(row)

    def read_row(self, row: Any) -> dict[str, Any]:
        return {}


class DeviceForm(ConsoleForm):
    owner = forms.CharField(label=_("Owner"), required=False, max_length=200)
    group = forms.ModelChoiceField(
        label=_("Group"),
        queryset=Group.objects.all(),
        to_field_name="public_id",
        help_text=_("The device gets this group's policies and loses those of the one before."),
    )

    def read_row(self, row: Any) -> dict[str, Any]:
        return {"owner": row.owner, "group": row.group and row.group.public_id}
