"""The console's forms of policies and their items."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from devices.models import Group, Platform
from organization.forms import ConsoleFilterSet, ConsoleForm, SearchFilter
from policies.models import Policy

MAX_PROFILE = 1024 * 1024  # bytes; as devices take at most about that in one command


class PolicyFilter(ConsoleFilterSet):
    q = SearchFilter("name", "description", placeholder=_("Search policies…"))

    class Meta:
        model = Policy
        fields: tuple[str, ...] = ()


class PolicyForm(ConsoleForm):
    name = forms.CharField(label=_("Name"), max_length=100)
    description = forms.CharField(
        label=_("Description"), required=False, max_length=1000, widget=forms.Textarea
    )
    groups = forms.ModelMultipleChoiceField(
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


class AppItemForm(ItemForm):
    itunes_store_id = forms.IntegerField(
        label=_("App Store id"),
        required=False,
        min_value=1,
        help_text=_("The number in its App Store address, after “id”."),
    )
    manifest_url = forms.URLField(
        label=_("Manifest URL"),
        required=False,
        max_length=500,
        assume_scheme="https",
        help_text=_("For an app of your own: https, instead of the App Store id."),
    )
    bundle_id = forms.CharField(
        label=_("Bundle identifier"),
        required=False,
        max_length=255,
        help_text=_("Like com.example.app; left empty, the device tells it."),
    )
    field_order = ("name", "itunes_store_id", "manifest_url", "bundle_id", "platforms")
