"""The form of what is done about a leaked link."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from devices.models import Device, Group
from enrollment.models import EnrollmentToken
from enrollment.services.leaks import KEEP, QUARANTINE, UNENROLL
from organization.forms import ConsoleForm
from organization.protocol.public_id import keep_public_ids

ALL, CHOSEN = "all", "chosen"


class LeakForm(ConsoleForm):
    """`may_unenroll`: administrators may. The token's name has to be typed."""

    action = forms.ChoiceField(
        label=_("Devices that came by the link"),
        choices=(
            (KEEP, _("Leave them as they are")),
            (QUARANTINE, _("Move them to a quarantine group")),
            (UNENROLL, _("Unenroll them")),
        ),
        initial=QUARANTINE,
        widget=forms.RadioSelect,
    )
    scope = forms.ChoiceField(
        label=_("Which of them"),
        choices=(
            (ALL, _("All that are enrolled by this token now")),
            (CHOSEN, _("Only those checked below")),
        ),
        initial=ALL,
        widget=forms.RadioSelect,
    )
    group = forms.ModelChoiceField(
        label=_("Quarantine group"),
        queryset=Group.objects.order_by("name"),
        to_field_name="public_id",
        required=False,
        empty_label=_("“Quarantine” (made without policies, if there is none)"),
        help_text=_(
            "The settings and apps of the devices' present group are taken away, those of the "
            "quarantine group's policies installed."
        ),
    )
    confirmation = forms.CharField(
        label=_("The token's name"),
        help_text=_("Type the token's name: this cannot be taken back."),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(
        self, *args: Any, token: EnrollmentToken, may_unenroll: bool, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._token = token
        if not may_unenroll:
            field: Any = self.fields["action"]
            field.choices = [choice for choice in field.choices if choice[0] != UNENROLL]

    def clean_confirmation(self) -> str:
        typed: str = self.cleaned_data["confirmation"].strip()
        if typed != self._token.name.strip():
            raise forms.ValidationError(_("This is not the token's name."), code="confirmation")
        return typed

    def clean(self) -> dict[str, Any]:
        """Add `devices`: the keys of those checked, None = all."""
        data = super().clean() or {}
        if data.get("scope") != CHOSEN:
            return data | {"devices": None}
        checked = keep_public_ids(self.data.getlist("device"), prefix="dev")  # type: ignore[attr-defined]
        rows = Device.objects.filter(public_id__in=checked)
        data["devices"] = list(rows.values_list("pk", flat=True))
        if not data["devices"] and data.get("action") != KEEP:
            self.add_error("scope", _("Check at least one device."))
        return data
