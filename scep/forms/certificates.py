"""The console's forms that revoke a certificate: a device's, or one of this server itself."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from organization.forms import ConsoleForm
from scep.models import CertificateAuthority, ServiceCertificate

# RFC 5280 section 5.3.1, as far as an administrator can know them.
REASONS = (
    ("unspecified", _("No particular reason")),
    ("key_compromise", _("The key may be in other hands: the device was lost or broken into")),
    ("affiliation_changed", _("The owner has left or moved")),
    ("superseded", _("Another certificate takes its place")),
    ("cessation_of_operation", _("The device is no longer in use")),
    ("privilege_withdrawn", _("The device may no longer be managed")),
)
SERVICE_REASONS = (
    ("unspecified", _("No particular reason")),
    ("key_compromise", _("The key may be in other hands")),
    ("superseded", _("Another certificate takes its place")),
    ("cessation_of_operation", _("It is no longer in use")),
)
CONFIRMED_DIGITS = 8


class RevocationForm(ConsoleForm):
    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=REASONS,
        initial=REASONS[0][0],
        widget=forms.RadioSelect,
        help_text=_("Stands in the revocation list and in the audit log."),
    )


class ServiceRevocationForm(RevocationForm):
    """About a ServiceCertificate; `expected`: what is to be typed, the end of its serial number."""

    confirmation = forms.CharField(
        label=_("Type the last eight digits of its serial number to confirm"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, row: ServiceCertificate, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        self.fields["reason"].choices = SERVICE_REASONS  # type: ignore[attr-defined]
        self.expected = row.serial[-CONFIRMED_DIGITS:]

    def clean_confirmation(self) -> str:
        text: str = self.cleaned_data["confirmation"].strip()
        if text.lower() != self.expected:
            raise forms.ValidationError(_("That is not the end of its serial number."))
        return text


class AuthorityRevocationForm(RevocationForm):
    """About a CertificateAuthority, whose name is to be typed."""

    confirmation = forms.CharField(
        label=_("Type its name to confirm"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, row: CertificateAuthority, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        self.fields["reason"].choices = SERVICE_REASONS  # type: ignore[attr-defined]
        self.expected = row.name

    def clean_confirmation(self) -> str:
        text: str = self.cleaned_data["confirmation"].strip()
        if text != self.expected.strip():
            raise forms.ValidationError(_("That is not its name."))
        return text
