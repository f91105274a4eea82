"""Template tags of the console's device pages."""

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
