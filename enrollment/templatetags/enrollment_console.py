"""Template tags of the console's enrollment pages."""

from django import template
from django.utils import timezone

from enrollment.models import EnrollmentToken, TokenState
from enrollment.protocol.log_codes import get_log_code
from enrollment.selectors import get_token_state

register = template.Library()


@register.simple_tag
def token_state(token: EnrollmentToken) -> TokenState:
    return get_token_state(token, now=timezone.now())


@register.filter
def code_title(code: str) -> str:
    """Return the log code's title."""
    return get_log_code(code).title
