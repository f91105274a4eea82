"""Template tags of the console's device pages."""

import json
from typing import Any

from django import template

register = template.Library()


@register.filter
def error_text(error_chain: Any) -> str:
    """Return the first words of an MDM ErrorChain, "" for none."""
    for error in error_chain or []:
        text = error.get("LocalizedDescription") or error.get("USEnglishDescription")
        if text:
            return str(text)
    return ""


@register.filter
def as_json(value: Any) -> str:
    """Return what a device told, readable; it is escaped like all text."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def as_text(value: Any) -> str:
    """Return the text of a sealed column."""
    return bytes(value or b"").decode(errors="replace")
