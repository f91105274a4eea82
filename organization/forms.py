"""What the console's forms and list filters share, and what passkeys may send."""

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import django_filters
from allauth.account import forms as account
from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms as webauthn
from cryptography.exceptions import InvalidSignature
from django import forms
from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from organization.protocol.json_check import UNTYPED
from organization.protocol.public_id import is_public_id
from organization.selectors import find_search_end

SHOWN = "as_stored"  # the field of a form in which it says what the row held when it was shown
FEW = 5000  # rows that are named to a statement, so that words are compared once


class ConsoleForm(forms.Form):
    """A form about one row, or about a new one (`row` is None)."""

    error_css_class = "has-errors"

    def __init__(self, *args: Any, row: Model | None = None, **options: Any) -> None:
        options.setdefault("label_suffix", "")
        super().__init__(*args, **options)
        self.row = row
        if row is not None:
            self.initial = {**self.read_row(row), **self.initial}

    def _clean_fields(self) -> None:
        super()._clean_fields()  # type: ignore[misc]
        for name, value in [*self.cleaned_data.items()]:
            if isinstance(value, str) and UNTYPED.search(value):
                self.add_error(name, _("This holds a control character."))

    @property
    def as_stored(self) -> str:
        """What the row holds now, in short: a form that is sent says beside what it was shown."""
        stored = {} if self.row is None else self.read_row(self.row)
        values = {
            name: self.fields[name].prepare_value(value)
            for name, value in stored.items()
            if name in self.fields
        }
        ordered = [
            [name, sorted(map(str, value)) if isinstance(value, list) else str(value)]
            for name, value in values.items()
        ]
        return salted_hmac("organization.forms.ConsoleForm", json.dumps(ordered)).hexdigest()

    def _post_clean(self) -> None:
        """Refuse once what would undo another's change unseen; the next time it is meant."""
        super()._post_clean()  # type: ignore[misc]
        shown = self.data.get(SHOWN)
        if self.row is None or not shown or shown == self.as_stored or not self.changed_data:
            return
        labels = ", ".join(f"“{self.fields[name].label}”" for name in self.changed_data)
        text = _(
            "It was changed meanwhile, and differs from yours in %s. Save again if yours is right."
        )
        self.add_error(None, text % labels)

    def read_row(self, row: Model) -> dict[str, Any]:
        """Return the initial values from a row: those of its fields that the form has."""
        return {name: getattr(row, name) for name in self.fields if hasattr(row, name)}

    def refuse_duplicate(self, rows: "QuerySet[Any]", *, name: str) -> None:
        """Raise ValidationError if another row has this name."""
        if self.row is not None:
            rows = rows.exclude(pk=self.row.pk)
        if rows.filter(name__iexact=name).exists():
            raise forms.ValidationError(_("This name is taken."), code="duplicate")


class LinesField(forms.CharField):
    """A list of texts, one a line; `max_length` is that of all of them together."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        lines = (line.strip() for line in (super().to_python(value) or "").splitlines())
        return [line for line in lines if line]

    def run_validators(self, value: Any) -> None:
        super().run_validators("\n".join(value))


class MomentField(forms.DateTimeField):
    """A moment as the person's clock shows it; the label names their time zone."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    input_formats = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        bound = super().get_bound_field(form, field_name)
        bound.label = f"{self.label} ({timezone.get_current_timezone_name()})"
        return bound


def warn_when(field: forms.Field, *, value: str, warning: Any) -> forms.Field:
    """Have the field's template show `warning` while the field's value is `value`."""
    field.warning, field.warning_value = warning, value  # type: ignore[attr-defined]
    return field


class SearchFilter(django_filters.CharFilter):  # type: ignore[misc]
    """`q`: every word must stand in one of the columns.

    A whole public id is looked for where its kind stands (`identifiers`, by prefix), which has an
    index.
    """

    identifiers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, *columns: str, placeholder: Any) -> None:
        self.columns = columns
        field = forms.TextInput(
            attrs={"type": "search", "placeholder": placeholder, "aria-label": placeholder}
        )
        super().__init__(label=placeholder, widget=field, max_length=200)

    def filter(self, rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
        text = (value or "").strip()
        for prefix, column in self.identifiers.items():
            if is_public_id(text, prefix=prefix):
                return rows.filter(**{column: text})
        return self.find_words(rows, text)

    def find_words(self, rows: "QuerySet[Any]", text: str) -> "QuerySet[Any]":
        return rows.filter(self.build_condition(text))

    def build_condition(self, text: str) -> Q:
        """Return what a row has to be; an empty text asks for nothing."""
        found = Q()
        for word in text.split()[:8]:
            matches = Q()
            for column in self.columns:
                matches |= Q(**{f"{column}__icontains": word})
            found &= matches
        return found


@dataclass(frozen=True)
class SearchEnd:
    """How far back a search has looked: to this moment, and the next one begins with `older`."""

    moment: datetime
    older: str


class NewestSearch(SearchFilter):
    """`q` of a list that may have a million rows: one search reads the newest of them for words.

    With a row's `place` as `older` in the address, it begins there (docs/adr/0247).
    """

    place = "public_id"

    def find_words(self, rows: "QuerySet[Any]", text: str) -> "QuerySet[Any]":
        if not text:
            return rows
        rows = self._leave_newer(rows)
        end, near = find_search_end(rows), rows
        if end is not None:
            near = rows.filter(pk__gt=end)
            self._note_end(rows.model._default_manager.filter(pk=end))
        near = near.filter(self.build_condition(text))
        keys = list(near.order_by().values_list("pk", flat=True)[: FEW + 1])
        if len(keys) <= FEW:  # else a page of them, and their number, are soon found
            near = rows.filter(pk__in=keys)
        found = [near, *self.find_elsewhere(rows, text)]
        if len(found) == 1:
            return found[0]
        parts = [each.order_by().values("pk") for each in found]
        return rows.filter(pk__in=parts[0].union(*parts[1:]))

    def _note_end(self, row: "QuerySet[Any]") -> None:
        for moment, place in row.values_list("created_at", self.place):
            self.parent.search_end = SearchEnd(moment, str(place))

    def find_elsewhere(self, rows: "QuerySet[Any]", text: str) -> "list[QuerySet[Any]]":
        """Return what indexes find among all rows, such as those of devices with these words."""
        return []

    def _leave_newer(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        older = self.parent.data.get("older")
        if not older:
            return rows
        try:
            row = rows.model._default_manager.filter(**{self.place: older}).only("pk").first()
        except ValueError:
            return rows
        return rows if row is None else rows.filter(pk__lte=row.pk)


class ConsoleFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """Filters whose bad values are ignored, as in a bookmark from before a group was deleted.

    Those in `more` stand folded below the others. `search_end`: of a search that has not looked
    at all rows. `ordering`: what the rows are read in where a filter knows better than the list.
    """

    more: tuple[str, ...] = ()
    ordering = ""
    search_end: SearchEnd | None = None

    def filter_queryset(self, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """The search comes last: how far back it looks depends on what the others leave."""
        chosen = self.form.cleaned_data
        for name in sorted(chosen, key=lambda name: name == "q"):
            queryset = self.filters[name].filter(queryset, chosen[name])
        return queryset

    @property
    def is_unfolded(self) -> bool:
        return any(self.data.get(name) for name in self.more)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.form.label_suffix = ""


MAX_CREDENTIAL = 64 * 1024  # characters; with an attestation a few thousand
# What the library raises at an answer that no authenticator gives, or at a forged one.
MALFORMED = (
    *(KeyError, IndexError, TypeError, AttributeError, ValueError),
    *(struct.error, RecursionError, InvalidSignature),
)


class CredentialField(forms.JSONField):
    def to_python(self, value: Any) -> Any:
        try:
            if len(value or "") > MAX_CREDENTIAL:
                raise RecursionError
            return super().to_python(value)
        except RecursionError as error:
            message = self.error_messages["invalid"]
            raise forms.ValidationError(message, code="invalid") from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        """The form that is shown again reads the text once more."""
        try:
            return super().bound_data(data, initial)
        except RecursionError:
            return initial


class KeyFileForm(ConsoleForm):
    """A private key, where that is no part of the certificate's file, and what opens either.

    Cleaned: `key` is bytes or None, `password` "" without.
    """

    key = forms.FileField(
        label=_("Private key"),
        required=False,
        max_length=255,
        help_text=_("Only where it is not in the first file."),
    )
    password = forms.CharField(
        label=_("Password of the key or PKCS#12"),
        required=False,
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def clean_key(self) -> bytes | None:
        upload = self.cleaned_data["key"]
        return bytes(upload.read()) if upload else None


class _PasskeyForm(forms.Form):
    """allauth's form, to which a malformed answer is a wrong one and no internal error."""

    credential = CredentialField(required=True, widget=forms.HiddenInput)

    def clean_credential(self) -> Any:
        return self._read(getattr(super(), "clean_credential", self._get_credential))

    def clean(self) -> Any:
        return self._read(super().clean)

    def _get_credential(self) -> Any:
        return self.cleaned_data["credential"]

    @staticmethod
    def _read(check: Callable[[], Any]) -> Any:
        try:
            return check()
        except MALFORMED as error:
            raise get_adapter().validation_error("incorrect_code") from error


class AddPasskeyForm(_PasskeyForm, webauthn.AddWebAuthnForm):
    pass


class LoginPasskeyForm(_PasskeyForm, webauthn.LoginWebAuthnForm):
    pass


class SecondPasskeyForm(_PasskeyForm, webauthn.AuthenticateWebAuthnForm):
    pass


class ProvePasskeyForm(_PasskeyForm, webauthn.ReauthenticateWebAuthnForm):
    pass


class SignInForm(account.LoginForm):  # type: ignore[misc]
    """allauth's, in the console's words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail")
        self.fields["login"].widget.attrs.pop("placeholder", None)
        self.fields["password"].widget.attrs.pop("placeholder", None)
        self.fields["remember"].label = _("Remember me")


class ChangePasswordForm(account.ChangePasswordForm):  # type: ignore[misc]
    """allauth's, in the console's words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = _("Current password")
        self.fields["password1"].label = _("New password")
        self.fields["password2"].label = _("New password (again)")
