"""Fields of the console's forms about certificates."""

import re
from typing import Any

from django import forms

DIGITS = re.compile(r"[0-9A-Fa-f]{64}")


class FingerprintField(forms.CharField):
    """SHA-256 in hexadecimal, shown with colons as other programs print it."""

    def prepare_value(self, value: Any) -> Any:
        """What was typed in another way stays as it was typed."""
        text = str(value or "")
        pairs = [text[at : at + 2] for at in range(0, len(text), 2)]
        return ":".join(pairs).upper() if DIGITS.fullmatch(text) else text


def build_password_field(label: Any, *, help_text: Any, least: int = 0) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        min_length=least or None,
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=help_text,
    )
