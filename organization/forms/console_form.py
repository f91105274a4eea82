"""What the console's forms share: each is about one row, or about a new one."""

import json
from typing import Any

from django import forms
from django.db.models import Model, QuerySet
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from organization.protocol.json_check import UNTYPED

SHOWN = "as_stored"  # the field of a form in which it says what the row held when it was shown


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
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_key(self) -> bytes | None:
        upload = self.cleaned_data["key"]
        return bytes(upload.read()) if upload else None
