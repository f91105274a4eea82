"""Template tags of what is handed out on paper."""

from django import template

from enrollment.models import EnrollmentToken
from enrollment.services.handout import describe_expiry

register = template.Library()


@register.simple_tag
def expiry_of(token: EnrollmentToken) -> str:
    return describe_expiry(token)
