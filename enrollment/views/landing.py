"""`GET /enroll?token=`: the page behind link and QR code. It changes nothing, whoever previews."""

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from enrollment.protocol.platform import Browser, decode_user_agent
from enrollment.services.profile import check_ready
from enrollment.services.root_trust import find_root_trust
from enrollment.services.token_texts import build_token_text, verify_bare_token
from enrollment.views.door import public_door
from enrollment.views.page import build_page, render_trust_page


@public_door("GET", "HEAD")
def show_landing(request: HttpRequest) -> HttpResponse:
    """Show the steps for the visitor's device.

    `device` is what an iPad's script adds; `trusted` says that the root has been dealt with.
    """
    now = timezone.now()
    token = verify_bare_token(request.GET.get("token", ""), now=now)
    check_ready(now=now)
    visitor = decode_user_agent(
        request.headers.get("User-Agent", ""), device=request.GET.get("device", "")
    )
    if "continue" in request.GET and visitor.browser == Browser.HANDS_OVER:
        visitor = replace(visitor, browser=Browser.SAFARI)
    context = build_page(token, visitor=visitor, with_link=True)
    context["token_text"] = build_token_text(token)
    root = find_root_trust(token.organization) if visitor.platform else None
    if root is None or visitor.needs_safari or "trusted" in request.GET:
        return render(request, "enroll/page.html", context | {"root": root})
    return render_trust_page(request, context, root=root)
