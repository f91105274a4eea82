"""The console's form and filter of SCEP profiles."""

from typing import Any

import django_filters
from django import forms
from django.utils.translation import gettext_lazy as _

from organization.forms import ConsoleFilterSet, ConsoleForm, SearchFilter, warn_when
from scep.models import ChallengeType, ScepProfile

CHALLENGES = (
    (ChallengeType.DYNAMIC, _("Dynamic: a one-time challenge generated per enrollment")),
    (ChallengeType.TOKEN, _("Token-based: the JWT token itself acts as the challenge")),
    (ChallengeType.STATIC, _("Static: a pre-shared password embedded in the profile")),
)


class ScepProfileForm(ConsoleForm):
    name = forms.CharField(label=_("Name"), max_length=100)
    challenge_type = warn_when(
        forms.ChoiceField(
            label=_("Challenge type"),
            choices=CHALLENGES,
            initial=ChallengeType.DYNAMIC,
            widget=forms.RadioSelect,
        ),
        value="static",
        warning=_("Whoever reads one profile knows the challenge of every device."),
    )
    static_challenge = forms.CharField(
        label=_("Static challenge"),
        required=False,
        min_length=8,
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 8 characters. Left empty, an existing one is kept."),
    )
    key_size = forms.TypedChoiceField(
        label=_("Key size (RSA bits)"),
        choices=[(2048, "2048"), (4096, "4096")],
        coerce=int,
        initial=2048,
    )
    validity_days = forms.IntegerField(
        label=_("Validity (days)"), min_value=1, max_value=825, initial=365
    )
    allow_legacy = warn_when(
        forms.BooleanField(label=_("Allow legacy devices"), required=False),
        value="True",
        warning=_("3DES and SHA-1 are accepted from devices that know nothing better."),
    )

    def read_row(self, row: Any) -> dict[str, Any]:
        initial = super().read_row(row)
        del initial["static_challenge"]
        return initial

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        self.refuse_duplicate(ScepProfile.objects.all(), name=name)
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("challenge_type") != ChallengeType.STATIC:
            data["static_challenge"] = None
        elif not data.get("static_challenge") and "static_challenge" not in self.errors:
            data["static_challenge"] = None
            if not (self.row and self.row.static_challenge):  # type: ignore[attr-defined]
                self.add_error("static_challenge", _("A static challenge is needed."))
        return data


class ScepProfileFilter(ConsoleFilterSet):
    q = SearchFilter("name", "public_id", placeholder=_("Search SCEP profiles…"))
    challenge_type = django_filters.ChoiceFilter(
        label=_("Challenge type"), choices=ChallengeType, empty_label=_("All")
    )

    class Meta:
        model = ScepProfile
        fields: tuple[str, ...] = ()
