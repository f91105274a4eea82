"""The console's form about issued certificates."""

from django import forms
from django.utils.translation import gettext_lazy as _

from organization.forms import ConsoleForm

# RFC 5280 section 5.3.1, as far as an administrator can know them.
REASONS = (
    ("unspecified", _("No particular reason")),
    ("key_compromise", _("The key may be in other hands: the device was lost or broken into")),
    ("affiliation_changed", _("The owner has left or moved")),
    ("superseded", _("Another certificate takes its place")),
    ("cessation_of_operation", _("The device is no longer in use")),
    ("privilege_withdrawn", _("The device may no longer be managed")),
)


class RevocationForm(ConsoleForm):
    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=REASONS,
        initial=REASONS[0][0],
        widget=forms.RadioSelect,
        help_text=_("Stands in the revocation list and in the audit log."),
    )
