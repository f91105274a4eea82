"""The console's forms and filters of devices and groups."""

from typing import Any

import django_filters
from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from devices.models import Device, DeviceStatus, Group, Platform
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
    pin = LockForm.base_fields["pin"]
    confirmation = forms.CharField(
        label=_("Type the serial number to confirm"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, row: Any, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        self.expected = row.serial_number or row.udid
        if row.platform != Platform.MACOS:
            del self.fields["pin"]

    def clean_confirmation(self) -> str:
        text: str = self.cleaned_data["confirmation"].strip()
        if text.upper() != self.expected.upper():
            raise forms.ValidationError(_("That is not this device's serial number."))
        return text
