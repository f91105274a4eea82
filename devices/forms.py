"""The console's forms and filters of devices and groups."""

from typing import Any

import django_filters
from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from devices.models import Device, DeviceStatus, Group, Platform
from devices.protocol.wifi_profile import MAX_BYTES
from devices.selectors import find_live_enrollment
from organization.forms import ConsoleFilterSet, ConsoleForm, SearchFilter

PIN = RegexValidator(r"\A\d{6}\Z", _("Six digits, please."))


class DeviceFilter(ConsoleFilterSet):
    q = SearchFilter(
        "name",
        "serial_number",
        "udid",
        "owner",
        placeholder=_("Search name, serial, UDID, owner…"),
    )
    status = django_filters.ChoiceFilter(choices=DeviceStatus, widget=forms.HiddenInput)
    platform = django_filters.ChoiceFilter(
        label=_("Platform"), choices=Platform, empty_label=_("All")
    )
    group = django_filters.ModelChoiceFilter(
        label=_("Group"),
        queryset=Group.objects.all(),
        to_field_name="public_id",
        empty_label=_("All"),
    )

    class Meta:
        model = Device
        fields: tuple[str, ...] = ()


class GroupFilter(ConsoleFilterSet):
    q = SearchFilter("name", "description", placeholder=_("Search groups…"))

    class Meta:
        model = Group
        fields: tuple[str, ...] = ()


class GroupForm(ConsoleForm):
    name = forms.CharField(label=_("Name"), max_length=100)
    description = forms.CharField(
        label=_("Description"), required=False, max_length=1000, widget=forms.Textarea
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        self.refuse_duplicate(Group.objects.all(), name=name)
        return name


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


class LockForm(ConsoleForm):
    """What a lock can say; a Mac needs a PIN and has no place for a phone number."""

    message = forms.CharField(label=_("Message on the lock screen"), required=False, max_length=200)
    phone_number = forms.CharField(label=_("Phone number"), required=False, max_length=40)
    pin = forms.CharField(
        label=_("PIN"),
        required=False,
        validators=[PIN],
        help_text=_("Unlocks the Mac. Left empty, a random one is made; its command reveals it."),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, row: Any, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        del self.fields["phone_number" if row.platform == Platform.MACOS else "pin"]


class EraseForm(ConsoleForm):
    """What an erase can say; each platform has its own."""

    pin = LockForm.base_fields["pin"]
    obliteration = forms.ChoiceField(
        label=_("If the Mac cannot erase in place"),
        required=False,
        choices=[
            ("", _("As macOS decides")),
            ("DoNotObliterate", _("Do not erase it")),
            ("ObliterateWithWarning", _("Destroy the whole system, after a warning")),
            ("Always", _("Always destroy the whole system")),
        ],
        help_text=_("macOS 12 or later. A destroyed system is installed anew by hand."),
    )
    return_to_service = forms.BooleanField(
        label=_("Return to Service"),
        required=False,
        help_text=_(
            "iOS and iPadOS 17 or later: it sets itself up and enrolls again, into its group."
        ),
    )
    wifi_profile = forms.FileField(
        label=_("Wi-Fi profile"),
        required=False,
        max_length=200,
        help_text=_("A .mobileconfig with the network it then joins. Not needed with a cable."),
        widget=forms.ClearableFileInput(
            attrs={"accept": ".mobileconfig,application/x-apple-aspen-config"}
        ),
    )
    preserve_data_plan = forms.BooleanField(label=_("Keep the mobile data plan"), required=False)
    disallow_proximity_setup = forms.BooleanField(
        label=_("Not to be set up by another device nearby"), required=False
    )
    confirmation = forms.CharField(
        label=_("Type the serial number to confirm"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, row: Any, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        self.expected = row.serial_number or row.udid
        is_mac = row.platform == Platform.MACOS
        enrollment = find_live_enrollment(row) if is_mac else None
        self.lacks_bootstrap_token = enrollment is not None and not enrollment.bootstrap_token
        for name in self._list_foreign(row.platform):
            del self.fields[name]

    @staticmethod
    def _list_foreign(platform: str) -> tuple[str, ...]:
        """Return the fields of other platforms."""
        for_mac = ("pin", "obliteration")
        returning = ("return_to_service", "wifi_profile")
        for_mobile = (*returning, "preserve_data_plan", "disallow_proximity_setup")
        if platform == Platform.MACOS:
            return for_mobile
        return (*for_mac, *returning) if platform == Platform.OTHER else for_mac

    def clean_wifi_profile(self) -> bytes:
        upload = self.cleaned_data["wifi_profile"]
        if upload and upload.size > MAX_BYTES:
            raise forms.ValidationError(_("A Wi-Fi profile has at most 256 KB."))
        return upload.read() if upload else b""

    def clean_confirmation(self) -> str:
        text: str = self.cleaned_data["confirmation"].strip()
        if text.upper() != self.expected.upper():
            raise forms.ValidationError(_("That is not this device's serial number."))
        return text
