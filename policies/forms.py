"""The console's forms of policies and their items."""

from typing import Any

import django_filters
from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from devices.models import Device, Group, Platform
from organization.forms import ConsoleFilterSet, ConsoleForm, SearchFilter
from organization.protocol.public_id import is_public_id
from policies.errors import ItemInvalid
from policies.models import Package, PackageKind, Policy
from policies.protocol.app_configuration import decode_configuration

MAX_PROFILE = 1024 * 1024  # bytes; as devices take at most about that in one command


class PolicyFilter(ConsoleFilterSet):
    q = SearchFilter("name", "description", placeholder=_("Search policies…"))

    class Meta:
        model = Policy
        fields: tuple[str, ...] = ()


class GroupsField(forms.ModelMultipleChoiceField):
    """Groups by public id; Django would ask the database for whatever stands there."""

    def clean(self, value: Any) -> Any:
        for text in value or ():
            if not is_public_id(text, prefix="grp"):
                error = self.error_messages["invalid_choice"]
                raise forms.ValidationError(error, params={"value": text})
        return super().clean(value)


class PolicyForm(ConsoleForm):
    name = forms.CharField(label=_("Name"), max_length=100)
    description = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    groups = GroupsField(
        label=_("Groups"),
        queryset=Group.objects.all(),
        to_field_name="public_id",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("The devices of these groups get the policy's items, also those enrolled."),
    )

    def read_row(self, row: Any) -> dict[str, Any]:
        chosen = [group.public_id for group in row.groups.all()]
        return {"name": row.name, "description": row.description, "groups": chosen}

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        self.refuse_duplicate(Policy.objects.all(), name=name)
        return name


class ItemForm(ConsoleForm):
    name = forms.CharField(label=_("Name"), max_length=200)
    platforms = forms.MultipleChoiceField(
        label=_("Platforms"),
        choices=[choice for choice in Platform.choices if choice[0] != Platform.OTHER],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: every platform."),
    )


def read_upload(form: forms.Form, cleaned: dict[str, Any] | None) -> dict[str, Any]:
    """Replace `upload` by its bytes, as `data`."""
    cleaned = dict(cleaned or {})
    upload = cleaned.pop("upload", None)
    if upload and upload.size > MAX_PROFILE:
        form.add_error("upload", _("A profile has at most 1 MB."))
    elif upload:
        cleaned["data"] = upload.read()
    return cleaned


class ProfileItemForm(ItemForm):
    upload = forms.FileField(
        label=_("Configuration profile"),
        max_length=200,
        help_text=_("A .mobileconfig file, as Apple Configurator or another tool saves it."),
        widget=forms.ClearableFileInput(
            attrs={"accept": ".mobileconfig,application/x-apple-aspen-config"}
        ),
    )
    field_order = ("upload", "name", "platforms")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["name"].required = False
        self.fields["name"].help_text = _("Left empty, it is the profile's own.")

    def clean(self) -> dict[str, Any]:
        return read_upload(self, super().clean())


class ReplaceForm(ConsoleForm):
    upload = ProfileItemForm.base_fields["upload"]

    def clean(self) -> dict[str, Any]:
        return read_upload(self, super().clean())


class PackageField(forms.ModelChoiceField):
    """One of the uploaded packages, the newest first."""

    def __init__(self, **options: Any) -> None:
        rows = Package.objects.defer("chunk_sha256s", "chunk_md5s", "bundles")
        super().__init__(queryset=rows, to_field_name="public_id", **options)

    def label_from_instance(self, row: Any) -> str:
        return f"{row} ({row.get_kind_display()})"


class PlistField(forms.CharField):
    """A property list as text; becomes a dictionary."""

    widget = forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "pem"})

    def clean(self, value: Any) -> Any:
        try:
            return decode_configuration(super().clean(value))
        except ItemInvalid as error:
            raise forms.ValidationError(str(error)) from error


def build_configuration_field() -> PlistField:
    return PlistField(
        label=_("Configuration"),
        required=False,
        max_length=200_000,
        help_text=_(
            "For apps that their makers let be configured: a property list, or only its <dict>."
        ),
    )


class AppItemForm(ItemForm):
    itunes_store_id = forms.IntegerField(
        label=_("App Store ID"),
        required=False,
        min_value=1,
        help_text=_("The number in its App Store address, after “id”."),
    )
    package = PackageField(
        label=_("Uploaded package"),
        required=False,
        empty_label=_("None"),
        help_text=_("An app of your own, instead of the App Store ID."),
    )
    manifest_url = forms.URLField(
        label=_("Manifest URL"),
        required=False,
        max_length=500,
        assume_scheme="https",
        help_text=_("For an app of your own on another server: https."),
    )
    bundle_id = forms.CharField(
        label=_("Bundle identifier"),
        required=False,
        max_length=255,
        help_text=_("Like com.example.app; left empty, the package or the device tells it."),
    )
    configuration = build_configuration_field()
    field_order = (
        "name",
        "itunes_store_id",
        "package",
        "manifest_url",
        "bundle_id",
        "configuration",
        "platforms",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["name"].required = False
        self.fields["name"].help_text = _("Left empty, it is the package's own.")


class ConfigurationForm(ConsoleForm):
    configuration = build_configuration_field()

    def read_row(self, row: Any) -> dict[str, Any]:
        return {"configuration": bytes(row.configuration or b"").decode()}


class ReplacePackageForm(ConsoleForm):
    package = PackageField(label=_("Uploaded package"))

    def __init__(self, *args: Any, row: Any, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        field: Any = self.fields["package"]
        field.queryset = field.queryset.filter(
            identifier=row.package.identifier, kind=row.package.kind
        )

    def read_row(self, row: Any) -> dict[str, Any]:
        return {"package": row.package.public_id}


class PackageFilter(ConsoleFilterSet):
    q = SearchFilter("name", "identifier", "version", placeholder=_("Search packages…"))
    kind = django_filters.ChoiceFilter(label=_("Kind"), choices=PackageKind, empty_label=_("All"))

    class Meta:
        model = Package
        fields: tuple[str, ...] = ()


class PackageForm(ConsoleForm):
    upload = forms.FileField(
        label=_("File"),
        max_length=255,
        help_text=_("An .ipa, or a .pkg: a signed distribution package. Up to 8 GB."),
        widget=forms.ClearableFileInput(attrs={"accept": ".ipa,.pkg"}),
    )


class InstallForm(ConsoleForm):
    device = forms.CharField(
        label=_("Device"),
        max_length=64,
        help_text=_("Its serial number or UDID."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_device(self) -> Device:
        text: str = self.cleaned_data["device"].strip()
        known = Device.objects.filter(Q(serial_number__iexact=text) | Q(udid__iexact=text))
        found = list(known.order_by("-last_seen_at")[:2])
        if len(found) != 1:
            raise forms.ValidationError(
                _("More than one device has it: give the UDID.")
                if found
                else _("No device has it.")
            )
        return found[0]
