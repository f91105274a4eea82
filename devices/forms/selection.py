"""The forms of what is done to many devices at once."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from devices.models import Group
from organization.forms import ConsoleForm


class SelectionGroupForm(ConsoleForm):
    group = forms.ModelChoiceField(
        label=_("Group"), queryset=Group.objects.order_by("name"), to_field_name="public_id"
    )


class SelectionUnenrollForm(ConsoleForm):
    """`count` has to be typed: it may have grown since the list was looked at."""

    confirmation = forms.CharField(
        label=_("Number of devices"),
        help_text=_("Type how many devices are unenrolled."),
        max_length=12,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, count: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self._count = count

    def clean_confirmation(self) -> str:
        typed: str = self.cleaned_data["confirmation"].strip()
        if typed != str(self._count):
            raise forms.ValidationError(
                _("This is not the number of devices."), code="confirmation"
            )
        return typed
