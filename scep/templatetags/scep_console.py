"""Template tags of the console's pages about certificates."""

import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from organization.templatetags.console import pill
from scep.forms.certificates import REASONS
from scep.models import (
    CertificateAuthority,
    CertificateAuthorityState,
    CertificateStatus,
    HeldRequest,
    HeldRequestState,
    IssuedCertificate,
    ScepProfile,
    ServiceCertificate,
)
from scep.selectors import is_needed

register = template.Library()

SOON = timedelta(days=30)
CA_SOON = timedelta(days=90)
MOST_WAITING = 99  # counted no further: the badge is on every page


@register.simple_tag
def certificate_pill(certificate: IssuedCertificate) -> SafeString:
    """Return the state as a pill; an issued certificate may have expired meanwhile.

    A revoked one without a fingerprint was an intent to sign, and nobody's certificate.
    """
    if certificate.status == CertificateStatus.ISSUED:
        left = certificate.not_after - timezone.now()
        if left < timedelta(0):
            return pill("expired", _("Expired"))
        if left < SOON:
            return pill("warning", _("Expires soon"))
    if certificate.status == CertificateStatus.REVOKED and not certificate.fingerprint:
        return pill("expired", _("Never handed out"))
    return pill(certificate.status, certificate.get_status_display())


@register.simple_tag
def check_pill(profile: ScepProfile) -> SafeString:
    """Return what the last check of an external server has found; the built-in one is here."""
    if not profile.is_external:
        return pill("active", _("Ready"))
    if profile.check_code:
        return pill("failed", _("Does not work"))
    if profile.checked_at is None:
        return pill("unknown", _("Not checked yet"))
    return pill("active", _("Answers"))


@register.simple_tag
def authority_pill(authority: CertificateAuthority) -> SafeString:
    """Return whether a CA issues, will, or does no more; or that it was revoked."""
    if authority.revoked_at:
        return pill("revoked", _("Revoked"))
    return pill(authority.state, authority.get_state_display())


@register.simple_tag
def service_pill(certificate: ServiceCertificate) -> SafeString:
    """Return whether a certificate of this server signs, is only kept, or is revoked."""
    if certificate.revoked_at:
        return pill("revoked", _("Revoked"))
    if certificate.not_after < timezone.now():
        return pill("expired", _("Expired"))
    if certificate.is_active and certificate.issuer.state != CertificateAuthorityState.RETIRED:
        return pill("active", _("In use"))
    return pill("kept", _("Kept for what it signed"))


@register.filter
def is_in_force(certificate: ServiceCertificate) -> bool:
    """Whether there is anything to revoke."""
    return certificate.revoked_at is None and certificate.not_after > timezone.now()


@register.filter
def is_needed_now(certificate: ServiceCertificate) -> bool:
    """Whether it has to be rotated before it may be revoked."""
    return is_needed(certificate)


@register.simple_tag
def expiry(not_after: datetime) -> SafeString:
    """Return the day, and in colour how near it is once something should be done."""
    day = date_format(timezone.localtime(not_after), "DATE_FORMAT")
    left = not_after - timezone.now()
    if left < timedelta(0):
        return format_html("{} {}", day, pill("error", _("Expired")))
    if left > CA_SOON:
        return format_html("{}", day)
    words = ngettext("%(days)d day left", "%(days)d days left", left.days) % {"days": left.days}
    return format_html("{} {}", day, pill("warning" if left > SOON else "error", words))


@register.filter
def path_of(url: str) -> str:
    """Return the URL without scheme and host: the console reaches this server by its own name."""
    return urlsplit(url).path


@register.filter
def at_most_99(count: int) -> str:
    """Return the number, or "99+"."""
    return f"{MOST_WAITING}+" if count > MOST_WAITING else str(count)


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


@register.filter
def reason_in_words(reason: str) -> str:
    """Return why a certificate was revoked as the dialog has said it."""
    words = dict(REASONS).get(reason)
    return str(words) if words else reason.replace("_", " ")


@register.simple_tag
def count_waiting() -> int:
    """Return how many requests wait for approval, at most one more than MOST_WAITING."""
    waiting = HeldRequest.objects.order_by().filter(state=HeldRequestState.PENDING)
    return waiting[: MOST_WAITING + 1].count()


@register.simple_tag
def waiting_badge() -> SafeString | str:
    """Return how many requests wait for approval, for the navigation; nothing for none."""
    count = count_waiting()
    if not count:
        return ""
    words = ngettext("%(count)s waits", "%(count)s wait", count) % {"count": at_most_99(count)}
    return format_html(
        '<b class="badge-count"><span aria-hidden="true">{}</span>'
        '<span class="visually-hidden">{}</span></b>',
        at_most_99(count),
        words,
    )
