"""What an administrator hands out: the poster's code and the text of a mail, in five languages."""

import base64
from dataclasses import dataclass
from datetime import UTC
from urllib.parse import quote

from django.template.loader import render_to_string
from django.utils import formats, translation
from django.utils.translation import gettext

from enrollment.models import EnrollmentToken
from enrollment.services.qr import build_qr_svg
from enrollment.services.short_links import build_short_url
from enrollment.services.token_texts import build_enrollment_url

FULL_LINK, SHORT_LINK = "full", "short"
# Mail programs and Windows give up on longer mailto: links; copying always works.
LONGEST_MAILTO = 2000


@dataclass(frozen=True)
class Mail:
    """Plain text; `mailto` opens it in a mail program, and is "" where it is too long for one."""

    subject: str
    body: str

    @property
    def mailto(self) -> str:
        # RFC 6068: lines end with CRLF.
        body = quote(self.body.replace("\n", "\r\n"), safe="")
        url = f"mailto:?subject={quote(self.subject, safe='')}&body={body}"
        return url if len(url) <= LONGEST_MAILTO else ""


def build_link(token: EnrollmentToken, *, link: str) -> str:
    return build_short_url(token) if link == SHORT_LINK else build_enrollment_url(token)


def build_code_image(url: str) -> str:
    """Return the QR code as a data URL of an SVG without margin: the place gives the margin."""
    svg = build_qr_svg(url, border=0)
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


def build_mail(token: EnrollmentToken, *, language: str, link: str) -> Mail:
    """Return the text that brings a token to many people; no greeting by name, no tracking."""
    organization = token.organization
    with translation.override(language):
        context = {
            "organization": organization,
            "url": build_link(token, link=link),
            "expiry": describe_expiry(token),
        }
        body = render_to_string("enroll/mail_text.txt", context)
        subject = gettext("Enroll your device with %(organization)s")
        name = " ".join(organization.name.split())
        return Mail(subject % {"organization": name}, f"{body.strip()}\n")


def describe_expiry(token: EnrollmentToken) -> str:
    """Return until when the token is valid, in the active language; "" = forever."""
    if token.expires_at is None:
        return ""
    end = token.expires_at.astimezone(UTC)
    moment = formats.date_format(end, "DATETIME_FORMAT")
    return gettext("Valid until %(moment)s (UTC)") % {"moment": moment}
