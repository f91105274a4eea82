"""How people sign in: accounts are made by administrators, never by a visitor."""

import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from organization.services.administrators import forget_one_time_password
from organization.services.client_address import get_client_address
from organization.services.provider_sign_in import METHOD, can_sign_in

REAUTHENTICATION_TIMEOUT = 300  # allauth's own, in seconds
PENDING = "sign_in_pending"


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up; `manage.py bootstrap` and administrators make accounts."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address under which tries to sign in are counted; a socket file has none."""
        return get_client_address(request) or "unknown"

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Who had to choose a password before anything else came for the console."""
        return str(settings.LOGIN_REDIRECT_URL)

    def is_safe_url(self, url: str) -> bool:
        """Whether a link may lead there after signing in: a place of this server, as it was asked.

        allauth would also lead to every other allowed host, in clear, and to all of a domain.
        """
        own = {context.request.get_host()}
        return url_has_allowed_host_and_scheme(url, own, require_https=settings.IS_HTTPS)

    def pre_login(self, request: HttpRequest, user: Any, **options: Any) -> HttpResponse | None:
        """Remember what the first proof was good for: the second may come a while later."""
        request.session[PENDING] = user.get_session_auth_hash()
        response: HttpResponse | None = super().pre_login(request, user, **options)
        return response

    def login(self, request: HttpRequest, user: Any) -> None:
        """Begin the session, unless the account was locked or changed between the two proofs."""
        if request.session.pop(PENDING, None) != user.get_session_auth_hash() or not user.is_active:
            raise ImmediateHttpResponse(redirect(settings.LOGIN_URL))
        if not _proved_by(request, user, "password"):
            request.session.set_expiry(0)  # only beside the password is there "Remember me"
        if user.must_change_password and _proved_by(request, user, METHOD):
            forget_one_time_password(user)
        super().login(request, user)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count the tries of an account: allauth's own name holds the Host header, port and all."""
        return str(credentials.get("email", "")).lower()

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """allauth's, and the identity provider for those who are connected there."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if can_sign_in() and user.is_authenticated and user.provider_subject:
            text = _("Sign in again with %(provider)s") % {"provider": settings.OIDC_NAME}
            url = reverse("provider-again")
            methods.append({"id": METHOD, "description": text, "url": url})
        return methods

    def is_reauthentication_required(self, *, app: str, **options: Any) -> bool:
        """allauth asks nothing of people who have neither password nor second factor; we do."""
        user = context.request.user
        if not super().get_reauthentication_methods(user):  # the provider is the only way
            if not _proved_recently(context.request, user):
                raise ReauthenticationRequired
            return False
        required: bool = super().is_reauthentication_required(app=app, **options)
        return required

    def set_password(self, user: Any, password: str) -> None:
        """Keep the new password; from now on only its owner has seen it."""
        user.must_change_password = False
        super().set_password(user, password)


def _proved_by(request: HttpRequest, user: Any, method: str) -> bool:
    return any(each["method"] == method for each in get_authentication_records(request, user))


def _proved_recently(request: HttpRequest, user: Any) -> bool:
    moments = [each["at"] for each in get_authentication_records(request, user)]
    return bool(moments) and time.time() - max(moments) < REAUTHENTICATION_TIMEOUT
