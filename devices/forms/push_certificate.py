"""The console's forms about the APNs push certificate."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from organization.forms import ConsoleForm, KeyFileForm


class _FilesForm(KeyFileForm):
    """A certificate with its key; as bytes."""

    certificate = forms.FileField(label=gettext_lazy("Certificate"), max_length=255)
    field_order = ("certificate",)

    def clean_certificate(self) -> bytes:
        return bytes(self.cleaned_data["certificate"].read())


class VendorForm(_FilesForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["certificate"].label = _("Vendor certificate with its chain")
        self.fields["certificate"].help_text = _(
            "PEM or PKCS#12, with Apple's certificates above it."
        )


class ImportPushCertificateForm(_FilesForm):
    """`accepted_loss`: how many devices the person has typed that they are ready to lose."""

    apple_account = forms.CharField(
        label=gettext_lazy("Apple Account"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Whose account it is renewed with; the same every year."),
    )
    note = forms.CharField(label=gettext_lazy("Note"), required=False, max_length=500)
    confirmation = forms.CharField(
        required=False, max_length=100, widget=forms.HiddenInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["certificate"].help_text = _("PEM, DER or PKCS#12, as Apple's portal gives it.")
        self.fields["key"].help_text = _(
            "Only where it is neither in the first file nor stored here."
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        words = data.pop("confirmation", "").split()
        number = words[1] if len(words) == 3 else ""
        fits = number.isascii() and number.isdigit() and _phrase(int(number)) == " ".join(words)
        return {**data, "accepted_loss": int(number) if fits else 0}

    def ask_confirmation(self, *, lost: int) -> None:
        """Show the field for the words that confirm the loss of so many devices."""
        field = self["confirmation"]
        field.field.widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
        field.label = _("Type “%s” to lose them") % _phrase(lost)
        self.lost = lost


def _phrase(lost: int) -> str:
    return ngettext("lose %(lost)d device", "lose %(lost)d devices", lost) % {"lost": lost}


class AnnotateForm(ConsoleForm):
    apple_account = ImportPushCertificateForm.base_fields["apple_account"]
    note = ImportPushCertificateForm.base_fields["note"]
