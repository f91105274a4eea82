"""The console's forms about the CAs of this server."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from organization.forms import ConsoleForm, KeyFileForm, MomentField
from scep.services.escrow import MIN_PASSWORD

KEY_TYPES = (
    ("ec_p256", _("ECDSA P-256: small and fast; every device since iOS 9 and OS X 10.11")),
    ("rsa_2048", _("RSA 2048: for devices and servers that know nothing else")),
    ("rsa_4096", _("RSA 4096: large and slow; where a rule asks for it")),
)


class PrepareAuthorityForm(ConsoleForm):
    key_type = forms.ChoiceField(
        label=_("Key"), choices=KEY_TYPES, initial=KEY_TYPES[0][0], widget=forms.RadioSelect
    )
    activates_at = MomentField(
        label=_("Takes over at"),
        required=False,
        help_text=_("Left empty, it waits until you activate it."),
    )


class ImportAuthorityForm(KeyFileForm):
    """Cleaned: `bundle` is bytes."""

    bundle = forms.FileField(
        label=_("CA certificate with its chain"),
        max_length=255,
        help_text=_("PEM or PKCS#12: the issuing CA and every CA above it up to the root."),
    )
    field_order = ("bundle",)

    def clean_bundle(self) -> bytes:
        return bytes(self.cleaned_data["bundle"].read())


class ExportAuthorityForm(ConsoleForm):
    password = forms.CharField(
        label=_("Password for the file"),
        min_length=MIN_PASSWORD,
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 12 characters. Keep it apart from the file; nobody can recover it."),
    )
    again = forms.CharField(
        label=_("The same password again"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "password" in data and data["password"] != data.pop("again", None):
            self.add_error("again", _("The two are not the same."))
        return data
