"""People sign in at the organization's identity provider before they enroll: OIDC, by allauth.

Nobody becomes an administrator by it and no session of the console begins: what remains is a name
on the enrollment session. allauth's own addresses for social sign-in are closed (guardmdm.urls).
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, TypeVar

import requests
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseForbidden
from django.urls import reverse

from enrollment.errors import SignInRefused
from enrollment.protocol.id_token import build_person, verify_id_token
from enrollment.protocol.person import Person

# A provider's addresses change rarely; its keys are fetched for each sign-in.
KEPT_SECONDS = 300
MAX_CODE = 60
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class SignedIn:
    """Who has come back, and for which token (its `jti`) and kind of device."""

    person: Person
    token_id: str
    device: str


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """Closes what this server does not do: accounts that somebody else's sign-in opens."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> NoReturn:
        raise ImmediateHttpResponse(HttpResponseForbidden())


class EnrollmentOidcAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """The provider as the settings name it; it must call itself by the same name."""

    @property
    def openid_config(self) -> dict[str, Any]:
        name = f"oidc-configuration:{settings.OIDC_ISSUER}"
        found: dict[str, Any] | None = cache.get(name)
        if found is None:
            found = self._fetch_configuration()
            cache.set(name, found, KEPT_SECONDS)
        return found

    def _fetch_configuration(self) -> dict[str, Any]:
        found: dict[str, Any] = super().openid_config
        if str(found["issuer"]).rstrip("/") != settings.OIDC_ISSUER.rstrip("/"):
            raise OAuth2Error(f"the provider calls itself {str(found['issuer'])[:200]}")
        return found

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return f"{settings.BASE_URL}{reverse('enroll_signed_in')}"


def can_sign_in() -> bool:
    return bool(settings.OIDC_ISSUER)


def begin_sign_in(request: HttpRequest, *, token_id: str, device: str) -> str:
    """Return the provider's address to send the person to; state, nonce and PKCE stay here.

    Raises SignInRefused (sign_in_unavailable).
    """
    provider = _get_provider(request)
    nonce = secrets.token_urlsafe(24)
    data = {"token": token_id, "device": device, "nonce": nonce}
    response = _call(
        lambda: provider.redirect(
            request,
            "login",
            data=data,
            auth_params={**provider.get_auth_params(), "nonce": nonce},
        )
    )
    if response.status_code != 302:
        raise SignInRefused("sign_in_unavailable", "the provider's address cannot be used")
    return str(response["Location"])


def complete_sign_in(request: HttpRequest, *, now: datetime) -> SignedIn:
    """Return who has signed in, as the provider's signed answer says; a state is good once.

    Raises SignInRefused (sign_in_failed, sign_in_unavailable).
    """
    provider = _get_provider(request)
    try:
        state = provider.unstash_redirect_state(request, request.GET.get("state", ""))
    except PermissionDenied as error:
        raise SignInRefused("sign_in_failed", "no sign-in with this state was begun") from error
    data, adapter = state["data"], provider.get_oauth2_adapter(request)
    _check_answer(request, token_id=data["token"])
    answer = _call(
        lambda: adapter.get_access_token_data(
            request,
            provider.app,
            adapter.get_client(request, provider.app),
            pkce_code_verifier=state.get("pkce_code_verifier"),
        ),
        code="sign_in_failed",
    )
    claims = _verify(adapter, answer, nonce=data["nonce"], now=now)
    person = build_person(claims, issuer=settings.OIDC_ISSUER.rstrip("/"))
    return SignedIn(person, data["token"], data["device"])


def _get_provider(request: HttpRequest) -> Any:
    if not can_sign_in():
        raise SignInRefused("sign_in_unavailable", "no identity provider is set")
    provider = get_adapter(request).get_provider(request, provider=settings.OIDC_PROVIDER_ID)
    provider.oauth2_adapter_class = EnrollmentOidcAdapter
    return provider


def _check_answer(request: HttpRequest, *, token_id: str) -> None:
    """Raise what the provider, or somebody in its name, has answered instead of a code."""
    error = request.GET.get("error", "")
    if error:
        shown = "".join(c for c in error if c.isalnum() or c in "_-")[:MAX_CODE]
        raise SignInRefused("sign_in_failed", f"the provider answered {shown}", token_id=token_id)
    # RFC 9207: an answer that names another issuer was meant for another client.
    issuer = request.GET.get("iss", settings.OIDC_ISSUER)
    if issuer.rstrip("/") != settings.OIDC_ISSUER.rstrip("/") or not request.GET.get("code"):
        raise SignInRefused("sign_in_failed", "the answer is not the provider's", token_id=token_id)


def _verify(
    adapter: EnrollmentOidcAdapter, answer: dict[str, Any], *, nonce: str, now: datetime
) -> dict[str, Any]:
    text = answer.get("id_token")
    if not isinstance(text, str):
        raise SignInRefused("sign_in_failed", "the provider sent no id_token")
    claims = verify_id_token(
        text,
        keys=_call(lambda: _fetch_keys(adapter)),
        issuer=adapter.openid_config["issuer"],
        client_id=settings.OIDC_CLIENT_ID,
        nonce=nonce,
        now=now,
    )
    if "email" in claims or "userinfo_endpoint" not in adapter.openid_config:
        return claims
    more = _call(lambda: adapter._fetch_user_info(answer["access_token"]))
    if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
        raise SignInRefused("sign_in_failed", "userinfo is about somebody else")
    return {**more, **claims}


def _fetch_keys(adapter: EnrollmentOidcAdapter) -> dict[str, Any]:
    with get_adapter().get_requests_session() as session:
        response = session.get(adapter.openid_config["jwks_uri"])
        response.raise_for_status()
        keys = response.json()
    return keys if isinstance(keys, dict) else {}


def _call(ask: Callable[[], Answer], *, code: str = "sign_in_unavailable") -> Answer:
    """Ask the provider; what goes wrong on the way is told without what was sent."""
    try:
        return ask()
    except requests.RequestException as error:
        name = type(error).__name__
        raise SignInRefused("sign_in_unavailable", f"the provider is away ({name})") from error
    except (OAuth2Error, ValueError, TypeError, KeyError, RecursionError) as error:
        # An OAuth2Error may quote the provider's answer: not in our log.
        message = f"the provider's answer is unusable ({type(error).__name__})"
        raise SignInRefused(code, message) from error
