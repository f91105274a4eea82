"""Fields that forms of several apps have."""

from typing import Any

from django import forms
from django.utils import timezone


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
