"""The console's form of a list of people, and the filter of those invited."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from enrollment.models import Invitation, InvitationState
from enrollment.protocol.invitation_list import (
    MAX_BYTES,
    PeopleList,
    decode_people,
    decode_text,
)
from enrollment.protocol.languages import LANGUAGES
from enrollment.selectors import filter_invitations
from enrollment.services.invitations import can_send_mail
from organization.forms import ConsoleFilterSet, ConsoleForm, SearchFilter


class InvitationForm(ConsoleForm):
    """A list of people; one with mistakes comes back to be mended, or to be sent without them."""

    file = forms.FileField(
        label=_("List of people (CSV)"),
        required=False,
        max_length=255,
        help_text=_("Name, e-mail address and, if you like, language (en, de, fr, es, ja)."),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv,text/plain"}),
    )
    people = forms.CharField(
        label=_("Or paste it here, a person a line"),
        required=False,
        max_length=MAX_BYTES,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "placeholder": "Ann Lee, ann@example.com"}),
    )
    language = forms.ChoiceField(
        label=_("Language of the mail"),
        choices=list(LANGUAGES.items()),
        help_text=_("For everybody whose line names none."),
    )
    send_mail = forms.BooleanField(label=_("Mail each person their link"), required=False)
    leave_out = forms.BooleanField(label=_("Leave out lines with mistakes"), required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.found = PeopleList()
        if can_send_mail():
            self.fields["send_mail"].initial = True
        else:
            self.fields["send_mail"].disabled = True
            self.fields["send_mail"].help_text = _(
                "No mail server is set (GUARDMDM_EMAIL_URL): take the links from the list"
                " afterwards, or as a CSV file, and send them by other means."
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        upload, text = data.pop("file", None), data.pop("people", "")
        leave_out = data.pop("leave_out", False)
        if upload and upload.size > MAX_BYTES:
            self.add_error("file", _("A list has at most 4 MB."))
            return data
        if upload:
            text = decode_text(upload.read())
            # A browser does not fill in a file again: the form comes back with the text.
            data_with_text: Any = self.data.copy()  # type: ignore[attr-defined]
            data_with_text["people"] = text
            self.data = data_with_text
        self.found = decode_people(text)
        if not self.found.people and not self.found.problems:
            self.add_error("people", _("The list names nobody."))
        elif not self.found.people or (self.found.problems and not leave_out):
            self.add_error(None, _("Some lines have mistakes. Nobody has been invited yet."))
        data["people"] = self.found.people
        return data


class InvitationFilter(ConsoleFilterSet):
    q = SearchFilter("name", "email", placeholder=_("Search name or e-mail…"))
    state = django_filters.ChoiceFilter(
        label=_("Status"), choices=InvitationState, method="filter_state", empty_label=_("All")
    )

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = ()

    def filter_state(
        self, rows: "QuerySet[Invitation]", name: str, value: str
    ) -> "QuerySet[Invitation]":
        return filter_invitations(rows, state=value, now=timezone.now())
