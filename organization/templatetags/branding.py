"""Template tags of pages that the organization's people see: its colours, logo and help contact."""

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from organization.models import Organization
from organization.protocol.contact import ContactPart, split_contact

register = template.Library()


@register.simple_tag
def brand_colours(organization: Organization | None) -> SafeString | str:
    """Return the link to the style sheet with the organization's colours; "" for ours."""
    if organization is None or not organization.accent_colour:
        return ""
    url = reverse("brand-colours", args=[organization.accent_colour.removeprefix("#")])
    return format_html('<link rel="stylesheet" href="{}">', url)


@register.simple_tag
def brand_logo(organization: Organization | None, size: str = "page") -> SafeString | str:
    """Return the logo's `<img>`, "" where there is none; `size` is `page` or `large` (paper)."""
    if organization is None or not organization.logo_digest:
        return ""
    view = "brand-logo-large" if size == "large" else "brand-logo"
    url = reverse(view, args=[organization.logo_digest])
    return format_html('<img class="logo" src="{}" alt="">', url)


@register.filter
def contact_links(text: str) -> SafeString:
    """Return the help contact with its addresses, numbers and links to tap."""
    return format_html_join("", "{}", ((_build_part(part),) for part in split_contact(text or "")))


def _build_part(part: ContactPart) -> str:
    if not part.href:
        return part.text
    return format_html('<a href="{}">{}</a>', part.href, part.text)
