"""The page of the three steps, before and after its session exists."""

import base64
from typing import Any
from urllib.parse import urlsplit

from csp.constants import SELF
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from enrollment.models import EnrollmentToken
from enrollment.protocol.access_rights import get_access_rights
from enrollment.protocol.platform import Browser, Visitor
from enrollment.services.consent import list_allowed, list_refused
from enrollment.services.qr import build_qr_png
from enrollment.services.root_trust import RootTrust
from enrollment.services.token_texts import build_enrollment_url

DEVICE_NAMES = {"iphone": "iPhone", "ipad": "iPad", "mac": "Mac"}

# Drawing a code costs more than the rest of the page.
SHOWN_A_CODE = ("mac", "other")


def build_page(token: EnrollmentToken, *, visitor: Visitor, with_link: bool) -> dict[str, Any]:
    """Return the template's context; `with_link` adds the enrollment URL and its QR code."""
    rights = get_access_rights(token.rights)
    context: dict[str, Any] = {
        "token": token,
        "organization": token.organization,
        "visitor": visitor,
        "device_name": DEVICE_NAMES.get(visitor.device, ""),
        "sign_in_with": settings.OIDC_NAME if token.sign_in_required else "",
        "may_continue": visitor.browser == Browser.HANDS_OVER,
        "can": list_allowed(rights),
        "cannot": list_refused(rights),
    }
    if with_link:
        url = build_enrollment_url(token)
        context["url"] = url
        if visitor.device in SHOWN_A_CODE:
            context["qr"] = _build_data_url(build_qr_png(url))
    return context


def render_trust_page(
    request: HttpRequest, context: dict[str, Any], *, root: RootTrust
) -> HttpResponse:
    """Answer the steps before the three: trust the root, and see that it worked."""
    response = render(request, "enroll/trust.html", context | {"root": root})
    if root.check_url:
        target = urlsplit(root.check_url)
        origin = f"{target.scheme}://{target.netloc}"
        response._csp_update = {"connect-src": [SELF, origin]}  # type: ignore[attr-defined]
    return response


def _build_data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
