"""`GET /enroll?token=`: the page behind link and QR code. It changes nothing, whoever previews."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from enrollment.protocol.platform import decode_user_agent
from enrollment.services.profile import check_ready
from enrollment.services.tokens import build_token_text, verify_bare_token
from enrollment.views.door import public_door
from enrollment.views.page import build_page


@public_door("GET", "HEAD")
def show_landing(request: HttpRequest) -> HttpResponse:
    """Show the steps for the visitor's device; `device` is what an iPad's script adds."""
    now = timezone.now()
    token = verify_bare_token(request.GET.get("token", ""), now=now)
    check_ready(now=now)
    visitor = decode_user_agent(
        request.headers.get("User-Agent", ""), device=request.GET.get("device", "")
    )
    context = build_page(token, visitor=visitor, with_link=True)
    return render(request, "enroll/page.html", context | {"token_text": build_token_text(token)})
