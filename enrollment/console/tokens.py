"""Enrollment › OTA › Tokens."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from enrollment.errors import EnrollmentRefused, TokenInvalid
from enrollment.forms import TokenFilter, TokenForm, describe_settings
from enrollment.models import EnrollmentToken
from enrollment.selectors import get_token_state, list_tokens
from enrollment.services.allow_list import list_allowed_serials
from enrollment.services.qr import build_qr_png, build_qr_svg
from enrollment.services.short_links import build_short_url
from enrollment.services.token_texts import build_enrollment_url
from enrollment.services.tokens import create_token, revoke_token
from organization.console import (
    FUTURE,
    NUMBER,
    WORDS,
    ListPage,
    Section,
    Sort,
    get_actor,
    recent_sign_in_required,
    role_required,
)
from organization.models import Role
from organization.selectors import get_organization

OTA = (gettext_lazy("Enrollment"), gettext_lazy("OTA"))
CODES = {"png": (build_qr_png, "image/png"), "svg": (build_qr_svg, "image/svg+xml")}


def _list_tokens() -> "QuerySet[EnrollmentToken]":
    return list_tokens(now=timezone.now())


def _copy_token(request: HttpRequest) -> dict[str, Any]:
    """What the form begins with that generates another token like the one named by `like`."""
    jti = request.GET.get("like", "")
    token = _list_tokens().filter(jti=jti).first() if jti.isprintable() else None
    return describe_settings(token) if token else {}


EXPIRES = Sort(
    "expires_at", gettext_lazy("Expires"), FUTURE, ("expires_at", "pk"), none_is="highest"
)
TOKENS = Section(
    name="tokens",
    item="token",
    route="enrollment/ota/tokens/",
    lookup="jti",
    add_label=gettext_lazy("Generate Token"),
    page=ListPage(
        title=gettext_lazy("Tokens"),
        path=OTA,
        columns=(
            Sort("name", gettext_lazy("Name"), WORDS, ("name", "pk")),
            gettext_lazy("Status"),
            EXPIRES,
            gettext_lazy("Group Assignment"),
            gettext_lazy("SCEP Profile"),
            Sort("uses", gettext_lazy("Uses"), NUMBER, ("use_count", "pk")),
            "",
        ),
        template="console/token/list.html",
        get_context=lambda request: {"organization": get_organization()},
        row_template="console/token/row.html",
        get_rows=_list_tokens,
        filterset=TokenFilter,
        empty_title=gettext_lazy("No tokens yet"),
        empty_text=gettext_lazy("Generate one, then send its link or show its QR code."),
    ),
    form=TokenForm,
    form_template="console/token/form.html",
    get_initial=_copy_token,
    create=create_token,
    refusals=(TokenInvalid, EnrollmentRefused),
)


def get_token(jti: str) -> EnrollmentToken:
    return get_object_or_404(_list_tokens(), jti=jti)


@role_required(Role.OPERATOR)
@recent_sign_in_required
def show_qr(request: HttpRequest, jti: str) -> HttpResponse:
    token = get_token(jti)
    return render(
        request,
        "console/token/qr.html",
        {
            "token": token,
            "state": get_token_state(token, now=timezone.now()),
            "url": build_enrollment_url(token),
            "short_url": build_short_url(token),
            "allowed_serials": list_allowed_serials(token),
        },
    )


@role_required(Role.OPERATOR)
@recent_sign_in_required
def download_png(request: HttpRequest, jti: str) -> HttpResponse:
    return _send_code(request, get_token(jti), kind="png")


@role_required(Role.OPERATOR)
@recent_sign_in_required
def download_svg(request: HttpRequest, jti: str) -> HttpResponse:
    return _send_code(request, get_token(jti), kind="svg")


@role_required(Role.OPERATOR)
def revoke(request: HttpRequest, jti: str) -> HttpResponse:
    token = get_token(jti)
    if request.method != "POST":
        return render(request, "console/token/revoke.html", {"token": token})
    revoke_token(token, actor=get_actor(request))
    messages.success(request, _("“%s” is revoked: nobody can enroll with it any more.") % token)
    return redirect("console:tokens")


def _send_code(request: HttpRequest, token: EnrollmentToken, *, kind: str) -> HttpResponse:
    """Answer a file with the QR code; `link=short` asks for the link with few dots."""
    is_short = request.GET.get("link") == "short"
    link = build_short_url(token) if is_short else build_enrollment_url(token)
    build, content_type = CODES[kind]
    name = f"{slugify(token.name) or 'enrollment'}{'-short' if is_short else ''}-qr.{kind}"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(build(link), content_type=content_type, headers=disposition)


urlpatterns: list[URLPattern] = [
    *TOKENS.build_urls(),
    path("enrollment/ota/tokens/<str:jti>/qr", show_qr, name="token"),
    path("enrollment/ota/tokens/<str:jti>/qr.png", download_png, name="token-qr-png"),
    path("enrollment/ota/tokens/<str:jti>/qr.svg", download_svg, name="token-qr-svg"),
    path("enrollment/ota/tokens/<str:jti>/revoke", revoke, name="token-revoke"),
]
