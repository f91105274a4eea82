"""The page of the three steps, before and after its session exists."""

import base64
from typing import Any

from django.utils.translation import gettext

from enrollment.models import EnrollmentToken
from enrollment.protocol.access_rights import list_access_rights
from enrollment.protocol.platform import Browser, Visitor
from enrollment.services.profile import ACCESS_RIGHTS
from enrollment.services.qr import build_qr_png
from enrollment.services.tokens import build_enrollment_url

DEVICE_NAMES = {"iphone": "iPhone", "ipad": "iPad", "mac": "Mac"}

# Drawing a code costs more than the rest of the page.
SHOWN_A_CODE = ("mac", "other")


def build_page(token: EnrollmentToken, *, visitor: Visitor, with_link: bool) -> dict[str, Any]:
    """Return the template's context; `with_link` adds the enrollment URL and its QR code."""
    rights = list_access_rights(ACCESS_RIGHTS)
    context: dict[str, Any] = {
        "token": token,
        "organization": token.organization,
        "visitor": visitor,
        "device_name": DEVICE_NAMES.get(visitor.device, ""),
        "may_continue": visitor.browser == Browser.HANDS_OVER,
        "sees": [gettext(right.text) for right in rights if not right.is_action],
        "does": [gettext(right.text) for right in rights if right.is_action],
    }
    if with_link:
        url = build_enrollment_url(token)
        context["url"] = url
        if visitor.device in SHOWN_A_CODE:
            context["qr"] = _build_data_url(build_qr_png(url))
    return context


def _build_data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
