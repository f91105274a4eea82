"""Template tags of the console's pages about certificates."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from organization.templatetags.console import pill
from scep.models import (
    CertificateStatus,
    HeldRequest,
    HeldRequestState,
    IssuedCertificate,
    ScepProfile,
    ScepServerType,
)

register = template.Library()

SOON = timedelta(days=30)
MOST_WAITING = 99  # counted no further: the badge is on every page


@register.simple_tag
def certificate_pill(certificate: IssuedCertificate) -> SafeString:
    """Return the state as a pill; an issued certificate may have expired meanwhile."""
    if certificate.status == CertificateStatus.ISSUED:
        left = certificate.not_after - timezone.now()
        if left < timedelta(0):
            return pill("expired", _("Expired"))
        if left < SOON:
            return pill("warning", _("Expires soon"))
    return pill(certificate.status, certificate.get_status_display())


@register.simple_tag
def check_pill(profile: ScepProfile) -> SafeString:
    """Return what the last check of an external server has found; the built-in one is here."""
    if profile.server_type != ScepServerType.EXTERNAL:
        return pill("active", _("Ready"))
    if profile.check_code:
        return pill("failed", _("Does not work"))
    if profile.checked_at is None:
        return pill("unknown", _("Not checked yet"))
    return pill("active", _("Answers"))


@register.filter
def host(url: str) -> str:
    """Return the URL's host, for lists."""
    return urlsplit(url).hostname or url


@register.filter
def colons(text: str) -> str:
    """Return a hexadecimal fingerprint as people compare it: `AB:CD:…`."""
    return ":".join(text[at : at + 2] for at in range(0, len(text), 2)).upper()


@register.filter
def spaced(subject: str) -> str:
    """Return a name of RFC 4514 with room to break between its parts."""
    return re.sub(r"(?<!\\),(?! )", ", ", subject)


@register.simple_tag
def count_waiting() -> int:
    """Return how many requests wait for approval, at most one more than MOST_WAITING."""
    waiting = HeldRequest.objects.order_by().filter(state=HeldRequestState.PENDING)
    return waiting[: MOST_WAITING + 1].count()
