"""Kiosks are started and ended in the console; what they show is a page of its own."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from enrollment.console.tokens import get_token
from enrollment.errors import TokenRefused
from enrollment.protocol.languages import LANGUAGES
from enrollment.services.kiosks import COOKIE, end_kiosk, start_kiosk
from organization.console import get_actor, recent_sign_in_required, role_required
from organization.models import Role

COOKIE_SECONDS = 30 * 24 * 3600


class KioskForm(forms.Form):
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=list(LANGUAGES.items()))


@role_required(Role.OPERATOR)
@recent_sign_in_required
def start(request: HttpRequest, jti: str) -> HttpResponse:
    """Begin a kiosk in this very browser, which is signed out: passers-by find no console there."""
    token, form = get_token(jti), KioskForm(request.POST or None)
    kiosks = token.kiosks.filter(ended_at=None)
    if request.method != "POST" or not form.is_valid():
        context = {"token": token, "form": form, "kiosks": kiosks}
        return render(request, "console/token/kiosk.html", context)
    try:
        kiosk, key = start_kiosk(
            token,
            language=form.cleaned_data["language"],
            actor=get_actor(request),
            now=timezone.now(),
        )
    except TokenRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("console:tokens")
    logout(request)
    url = reverse("enroll_kiosk", args=[kiosk.public_id])
    response = redirect(url)
    response.set_cookie(
        COOKIE,
        key,
        max_age=COOKIE_SECONDS,
        path=url,
        secure=settings.IS_HTTPS,
        httponly=True,
        samesite="Strict",
    )
    return response


@role_required(Role.OPERATOR)
def end(request: HttpRequest, jti: str, kiosk: str) -> HttpResponse:
    row = get_object_or_404(get_token(jti).kiosks.all(), public_id=kiosk)
    if request.method == "POST":
        end_kiosk(row, actor=get_actor(request), now=timezone.now())
        messages.success(request, _("The kiosk has ended."))
    return redirect("console:tokens")


urlpatterns: list[URLPattern] = [
    path("enrollment/ota/tokens/<str:jti>/kiosk", start, name="token-kiosk"),
    path("enrollment/ota/tokens/<str:jti>/kiosks/<str:kiosk>/end", end, name="token-kiosk-end"),
]
