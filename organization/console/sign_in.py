"""`/accounts/sign-in`: administrators at the identity provider, and back; and by passkey.

Each way there is a link: browsers that apply `form-action` to a form's redirects would stop a form.
"""

from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.webauthn.views import login_webauthn
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from organization.console.access import recent_sign_in_required
from organization.errors import ProviderRefused, RateLimited, SignInRefused
from organization.models import Administrator
from organization.services import provider_sign_in
from organization.services.client_address import get_client_address, name_site
from organization.services.provider_sign_in import AGAIN, CONNECT, SIGN_IN
from organization.services.rate_limit import check_rate

LIMIT, SECONDS = 20, 300  # sign-ins begun from one address: each may leave a line in the audit log
PASSKEY_LIMIT, PASSKEY_SECONDS = 30, 60  # each leaves a session; allauth counts those answered only
VISIT_SECONDS = 15 * 60  # how long a session of somebody lasts who has not signed in yet

TEXTS = {
    "sign_in_failed": _("The sign-in was cancelled, took too long, or its proof does not hold."),
    "sign_in_unavailable": _("The identity provider cannot be reached at the moment."),
    "no_account": _("Nobody signs in here with that address. Ask an administrator for an account."),
    "not_active": _("This account may not sign in. Ask another administrator."),
    "other_person": _("That is somebody else’s account at the identity provider."),
    "connected_otherwise": _(
        "This account is connected with another person at the identity provider. "
        "An administrator can disconnect them."
    ),
    "not_recent": _(
        "The identity provider has not asked you again, or does not say when it did. "
        "Use another way to prove that it is you."
    ),
}


def _guard(view: Any) -> Any:
    """Where nobody signs in that way there is no door; an answer is nobody else's to keep."""

    @wraps(view)
    def guarded(request: HttpRequest, **options: Any) -> HttpResponse:
        if not provider_sign_in.can_sign_in():
            raise Http404
        response: HttpResponse = view(request, **options)
        response["Referrer-Policy"] = "no-referrer"
        return response

    return never_cache(require_GET(guarded))


def _read_next(request: HttpRequest) -> str:
    url = request.GET.get("next", "")
    return url if url and get_adapter(request).is_safe_url(url) else ""


def _send_away(request: HttpRequest, *, purpose: str) -> HttpResponse:
    next_url = _read_next(request)
    try:
        _count(request, "provider-sign-in", limit=LIMIT, seconds=SECONDS)
        there = provider_sign_in.begin(request, purpose=purpose, next_url=next_url)
    except RateLimited as limited:
        return _refuse(request, limited)
    except ProviderRefused as refusal:
        return _explain(request, refusal)
    return HttpResponseRedirect(there)


def _count(request: HttpRequest, door: str, *, limit: int, seconds: int) -> None:
    site = name_site(get_client_address(request))
    check_rate(f"{door}:{site}", limit=limit, seconds=seconds)


def _refuse(request: HttpRequest, limited: RateLimited) -> HttpResponse:
    response = render(request, "429.html", status=429)
    response["Retry-After"] = str(limited.retry_after)
    return response


def sign_in_by_passkey(request: HttpRequest) -> HttpResponseBase:
    """allauth's; a challenge is kept in a session, also for somebody who never answers it."""
    if request.method != "POST" and not request.user.is_authenticated:
        try:
            _count(request, "passkey", limit=PASSKEY_LIMIT, seconds=PASSKEY_SECONDS)
        except RateLimited as limited:
            return _refuse(request, limited)
        request.session.set_expiry(VISIT_SECONDS)
    answer: HttpResponseBase = login_webauthn(request)
    return answer


@_guard
def start_sign_in(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect(_read_next(request) or "console:dashboard")
    request.session.set_expiry(VISIT_SECONDS)  # for the way there and back, and no longer
    return _send_away(request, purpose=SIGN_IN)


@_guard
@login_required
def prove_again(request: HttpRequest) -> HttpResponse:
    return _send_away(request, purpose=AGAIN)


@_guard
@login_required
@recent_sign_in_required
def connect_provider(request: HttpRequest) -> HttpResponse:
    if not provider_sign_in.is_own_link(request, request.GET.get("check", "")):
        raise PermissionDenied
    return _send_away(request, purpose=CONNECT)


@require_GET
@login_required
def explain_no_password(request: HttpRequest) -> HttpResponse:
    """allauth leads here whoever would change a password and has none, having come by the provider.

    They do not set one by themselves: whether there is another way in is for administrators to say.
    """
    if isinstance(request.user, Administrator) and request.user.has_usable_password():
        return redirect("account_change_password")
    return render(request, "account/password_absent.html")


@_guard
def take_signed_in(request: HttpRequest) -> HttpResponse:
    try:
        returned = provider_sign_in.complete(request, now=timezone.now())
    except (ProviderRefused, SignInRefused) as refusal:
        return _explain(request, refusal)
    if returned.purpose == SIGN_IN:
        return provider_sign_in.sign_in(request, returned)
    if returned.purpose == AGAIN:
        provider_sign_in.note_proof(request, returned)
        return redirect(returned.next_url or "console:dashboard")
    messages.success(request, _("From now on you can sign in at the identity provider, too."))
    return redirect("console:administrator", returned.administrator.public_id)


def _explain(request: HttpRequest, refusal: ProviderRefused | SignInRefused) -> HttpResponse:
    messages.error(request, TEXTS[refusal.code])
    if isinstance(request.user, Administrator):
        return redirect("console:administrator", request.user.public_id)
    return redirect(reverse("account_login"))


urlpatterns: list[URLPattern] = [
    path("accounts/sign-in", start_sign_in, name="provider-sign-in"),
    path("accounts/sign-in/again", prove_again, name="provider-again"),
    path("accounts/sign-in/connect", connect_provider, name="provider-connect"),
    path("accounts/password/set/", explain_no_password),  # before allauth's own
    path("accounts/2fa/webauthn/login/", sign_in_by_passkey),  # before allauth's own
    path("accounts/signed-in", take_signed_in, name="provider-signed-in"),
]
