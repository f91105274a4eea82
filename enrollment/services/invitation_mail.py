"""The mail that brings a person their link: plain text and HTML, in the person's language."""

from datetime import UTC
from email.utils import formataddr
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import formats, translation
from django.utils.translation import gettext

from enrollment.models import Invitation
from enrollment.services.short_links import build_short_url
from organization.protocol.one_line import JOINERS
from organization.selectors import get_organization


def build_mail(invitation: Invitation) -> EmailMultiAlternatives:
    """Return the mail; `invitation` comes with its token, and with what that takes to be signed."""
    organization = get_organization()
    name = put_on_one_line(organization.name)
    with translation.override(invitation.language):
        context = {
            "language": invitation.language,
            "organization": name,
            "greeting": _build_greeting(put_on_one_line(invitation.name)),
            "purpose": gettext("%(organization)s asks you to enroll your device.")
            % {"organization": name},
            "url": build_short_url(invitation.token),
            "expiry": _build_expiry(invitation),
            "contact": organization.support_contact,
            "subject": gettext("Enroll your device with %(organization)s") % {"organization": name},
        }
        mail = EmailMultiAlternatives(
            subject=context["subject"],
            body=render_to_string("enroll/mail/invitation.txt", context),
            from_email=formataddr((name, settings.DEFAULT_FROM_EMAIL)),
            to=[formataddr((put_on_one_line(invitation.name), invitation.email))],
            headers={
                "Message-ID": _build_message_id(invitation),
                "Auto-Submitted": "auto-generated",
            },
        )
        mail.attach_alternative(
            render_to_string("enroll/mail/invitation.html", context), "text/html"
        )
    return mail


def _build_greeting(name: str) -> str:
    return gettext("Hello %(name)s,") % {"name": name} if name else gettext("Hello,")


def _build_expiry(invitation: Invitation) -> str:
    end = invitation.token.expires_at
    if end is None:
        return ""
    moment = formats.date_format(end.astimezone(UTC), "DATETIME_FORMAT")
    return gettext("It expires on %(moment)s (%(zone)s).") % {"moment": moment, "zone": "UTC"}


def _build_message_id(invitation: Invitation) -> str:
    """The same for each try, so that a mail that arrives twice shows once; another when resent."""
    asked = invitation.mail_requested_at or invitation.created_at
    host = urlsplit(settings.BASE_URL).hostname
    return f"<{invitation.public_id}.{int(asked.timestamp() * 1000)}@{host}>"


def put_on_one_line(text: str) -> str:
    """Return it without what could begin another line, or another header."""
    return " ".join("".join(c if c.isprintable() or c in JOINERS else " " for c in text).split())
