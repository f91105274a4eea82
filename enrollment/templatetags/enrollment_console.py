"""Template tags of the console's enrollment pages."""

from typing import Any

from django import template
from django.utils import timezone
from django.utils.translation import gettext

from enrollment.models import EnrollmentToken, Invitation, InvitationState, TokenState
from enrollment.protocol.access_rights import ACCESS_RIGHTS, RIGHTS_LEVELS
from enrollment.protocol.log_codes import get_log_code
from enrollment.selectors import get_invitation_state, get_token_state

register = template.Library()


@register.simple_tag
def token_state(token: EnrollmentToken) -> TokenState:
    return get_token_state(token, now=timezone.now())


@register.simple_tag
def rights_table() -> dict[str, Any]:
    """Return the levels, and for each right its words and which of the levels ask for it."""
    levels = list(RIGHTS_LEVELS.values())
    rows = [
        (right.text, [bool(level.rights & right.bit) for level in levels])
        for right in ACCESS_RIGHTS
    ]
    return {"levels": levels, "rows": rows}


@register.simple_tag
def invitation_state(invitation: Invitation) -> InvitationState:
    return get_invitation_state(invitation, now=timezone.now())


@register.filter
def translated(text: str) -> str:
    """Return a text of protocol/, where it is only marked, in the administrator's language."""
    return gettext(text)


@register.filter
def code_title(code: str) -> str:
    """Return the log code's title."""
    return get_log_code(code).title
