"""Template tags of the console's shell: navigation, status pills, who may do what."""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from lucide.templatetags.lucide import lucide

from organization.errors import NotSetUp
from organization.models import may as has_role
from organization.selectors import get_organization
from organization.services.provider_sign_in import can_sign_in

register = template.Library()

STROKE = re.compile(r' (?:fill|stroke|stroke-[a-z]+)="[^"]*"')
BETWEEN = re.compile(r">\s+<")

TONES = {
    "managed": "green",
    "active": "green",
    "acknowledged": "green",
    "installed": "green",
    "issued": "green",
    "valid": "green",
    "approved": "green",
    "delivered": "green",
    "enrolled": "blue",
    "sent": "blue",
    "mailed": "blue",
    "started": "blue",
    "next": "blue",
    "installing": "blue",
    "info": "blue",
    "pending": "amber",
    "queued": "amber",
    "not_now": "amber",
    "removing": "amber",
    "waiting": "amber",
    "paused": "amber",
    "expiring": "amber",
    "warning": "amber",
    "expired": "amber",
    "exhausted": "amber",
    "outdated": "amber",
    "not_managed": "red",
    "missing": "red",
    "revoked": "red",
    "rejected": "red",
    "given_up": "red",
    "failed": "red",
    "mail_failed": "red",
    "error": "red",
    "format_error": "red",
}


@register.filter
def tone(state: str) -> str:
    """Return the colour of a state: green, blue, amber, red or gray."""
    return TONES.get(state, "gray")


@register.simple_tag
def pill(state: str, label: Any) -> SafeString:
    """Return a coloured label with a dot."""
    return format_html('<span class="pill pill-{}">{}</span>', tone(state), label)


@register.filter
def break_at_sign(address: str) -> SafeString:
    """Return an e-mail address that is broken before its @ where it does not fit into a line."""
    first, *rest = str(address).split("@")
    return format_html("{}{}", first, format_html_join("", "<wbr>@{}", ((part,) for part in rest)))


@register.filter
def roughly(moment: datetime) -> str:
    """Return a moment in one unit, as lists have room for: "6 days ago", "1 month from now"."""
    now = timezone.now()
    if abs(now - moment) < timedelta(days=1):
        return str(naturaltime(moment))
    if moment < now:
        return _("%(delta)s ago") % {"delta": timesince(moment, now, depth=1)}
    return _("%(delta)s from now") % {"delta": timeuntil(moment, now, depth=1)}


@register.filter
def may(user: Any, role: str) -> bool:
    """Say whether the person has at least this role."""
    return has_role(user, role)


@register.simple_tag
def organization_name() -> str:
    try:
        return get_organization().name
    except NotSetUp:
        return ""


@register.simple_tag
def identity_provider() -> str:
    """Return what the button of the sign-in says, "" where nobody signs in that way."""
    return settings.OIDC_NAME if can_sign_in() else ""


@register.simple_tag(takes_context=True)
def nav_link(
    context: template.Context,
    view: str,
    icon_name: str,
    label: str,
    badge: Any = "",
    also: str = "",
) -> SafeString:
    """Return one line of the navigation, marked when the page is in its section.

    `also` names the lists of what stands outside of it, with spaces between them.
    """
    url = reverse(view)
    path = context["request"].path
    here = path == url if url == reverse("console:dashboard") else path.startswith(url)
    here = here or any(path.startswith(reverse(name)) for name in also.split())
    return format_html(
        '<li><a class="nav-item" href="{}"{}>{}<span>{}</span>{}</a></li>',
        url,
        mark_safe(' aria-current="page"') if here else "",
        icon(icon_name),
        label,
        badge,
    )


@register.filter
def initials(user: Any) -> str:
    """Return up to two letters for the person's picture."""
    words = str(user).replace("@", " ").replace(".", " ").split()
    return "".join(word[0] for word in words[:2]).upper()


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str, size: int = 18) -> SafeString:
    """Return an icon that says nothing a screen reader must read."""
    # Kept, because building one costs 50 µs, and a list has a hundred. The strokes' looks
    # stand once in the style sheet instead of in every icon.
    head, _, drawing = lucide(name, size=size, aria_hidden="true").partition(">")
    svg = BETWEEN.sub("><", f"{STROKE.sub('', head)}>{drawing}").replace(" />", "/>")
    return mark_safe(svg)  # noqa: S308 - the package's own drawing
