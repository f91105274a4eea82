"""Template tags of the console's device pages."""

from typing import Any

from django import template

from devices.models import Command
from devices.protocol.commands import get_minimum_role
from organization.console import may

register = template.Library()


@register.filter
def may_cancel(user: Any, command: Command) -> bool:
    """Say whether the person may take this command back, and it is still open."""
    return command.is_open and may(user, get_minimum_role(command.request_type))


@register.filter
def error_text(error_chain: Any) -> str:
    """Return the first words of an MDM ErrorChain, "" for none."""
    for error in error_chain or []:
        text = error.get("LocalizedDescription") or error.get("USEnglishDescription")
        if text:
            return str(text)
    return ""
