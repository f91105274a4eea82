"""How people sign in: accounts are made by administrators, never by a visitor."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from organization.services.client_address import get_client_address

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

    def pre_login(self, request: HttpRequest, user: Any, **options: Any) -> HttpResponse | None:
        """Remember what the first proof was good for: the second may come a while later."""
        request.session[PENDING] = user.get_session_auth_hash()
        response: HttpResponse | None = super().pre_login(request, user, **options)
        return response

    def login(self, request: HttpRequest, user: Any) -> None:
        """Begin the session, unless the account was locked or changed between the two proofs."""
        if request.session.pop(PENDING, None) != user.get_session_auth_hash() or not user.is_active:
            raise ImmediateHttpResponse(redirect(settings.LOGIN_URL))
        super().login(request, user)

    def set_password(self, user: Any, password: str) -> None:
        """Keep the new password; from now on only its owner has seen it."""
        user.must_change_password = False
        super().set_password(user, password)
