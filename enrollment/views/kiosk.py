"""`/enroll/kiosk/<id>`: the screen in a hall. Its browser's cookie opens it, and nothing else."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext

from devices.models import Platform
from enrollment.errors import EnrollmentRefused
from enrollment.models import Kiosk, SessionState
from enrollment.services.handout import build_code_image
from enrollment.services.kiosks import COOKIE, News, build_screen, find_kiosk
from enrollment.services.short_links import build_short_url
from enrollment.views.door import advise, build_refusal, public_door

NAMES = {Platform.IOS: "iPhone", Platform.IPADOS: "iPad", Platform.MACOS: "Mac"}


@public_door("GET")
def show_kiosk(request: HttpRequest, kiosk_id: str) -> HttpResponse:
    kiosk = _get_kiosk(request, kiosk_id)
    with translation.override(kiosk.language):
        return render(request, "enroll/kiosk.html", _build_context(kiosk))


@public_door("POST")
def refresh_kiosk(request: HttpRequest, kiosk_id: str) -> HttpResponse:
    """Answer the screen's content, or 204 where `version` is what it shows already."""
    kiosk = _get_kiosk(request, kiosk_id)
    with translation.override(kiosk.language):
        context = _build_context(kiosk, shown=request.POST.get("version", ""))
        if not context:
            return HttpResponse(status=204)
        return render(request, "enroll/_kiosk.html", context)


def _get_kiosk(request: HttpRequest, kiosk_id: str) -> Kiosk:
    kiosk = find_kiosk(kiosk_id, key=request.COOKIES.get(COOKIE, ""))
    if kiosk is None:
        raise Http404
    return kiosk


def _build_context(kiosk: Kiosk, *, shown: str = "") -> dict[str, Any]:
    """Return the template's context, {} where it would be what is `shown`."""
    context = {"kiosk": kiosk, "organization": kiosk.token.organization}
    try:
        screen = build_screen(kiosk, now=timezone.now())
    except EnrollmentRefused as error:
        refusal, advice = build_refusal(error.code), advise(error.code)
        return context | {"refusal": refusal, "advice": advice, "is_waiting": True}
    if screen is None:
        return context
    if screen.version == shown:
        return {}
    url = build_short_url(screen.code)
    return context | {
        "is_waiting": True,
        "code": build_code_image(url),
        "url": url,
        "version": screen.version,
        "news": [_describe(each) for each in screen.news],
    }


def _describe(news: News) -> dict[str, str]:
    device = NAMES.get(Platform(news.platform)) if news.platform in Platform.values else None
    device = device or gettext("A device")
    match news.state:
        case SessionState.ENROLLED:
            text = gettext("%(device)s: enrolled")
        case SessionState.FAILED:
            text = gettext("%(device)s: not enrolled. Its page says why.")
        case _:
            text = gettext("%(device)s: being enrolled…")
    return {"state": news.state, "text": text % {"device": device}}
