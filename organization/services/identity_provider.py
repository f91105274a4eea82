"""The organization's identity provider (OpenID Connect), by allauth: there, and back with proof.

Two doors send people there: enrollment, and the console's sign-in. allauth's own addresses for
social sign-in are closed (guardmdm.urls), for what it does with who comes back is neither.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
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

from organization.errors import ManyAreWaiting, ProviderRefused
from organization.protocol.id_token import verify_id_token
from organization.services.waiting import waiting_for_another_server

# A provider's addresses change rarely; its keys are fetched for each sign-in.
KEPT_SECONDS = 300
MAX_CODE = 60
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Door:
    """Where people come back: `callback` is the URL's name; a state is good at its own door."""

    name: str
    callback: str


@dataclass(frozen=True)
class Attempt:
    """A sign-in that was begun in this browser; `data` is what its door had to remember."""

    data: dict[str, Any]
    nonce: str
    code_verifier: str | None


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """Closes what this server does not do: accounts that somebody else's sign-in opens."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> NoReturn:
        raise ImmediateHttpResponse(HttpResponseForbidden())

    def get_requests_session(self) -> requests.Session:
        """Everything that is asked of the provider goes through one, here and in allauth."""
        session: requests.Session = super().get_requests_session()
        session.request = partial(_ask, session.request)  # type: ignore[method-assign]
        return session


class OidcAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """The provider as the settings name it; it must call itself by the same name."""

    def __init__(self, request: HttpRequest, provider_id: str, *, callback: str) -> None:
        super().__init__(request, provider_id)
        self.callback = callback

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
        if str(found["issuer"]).rstrip("/") != get_issuer():
            raise OAuth2Error(f"the provider calls itself {str(found['issuer'])[:200]}")
        return found

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return f"{settings.BASE_URL}{reverse(self.callback)}"


def _ask(request: Callable[..., requests.Response], *args: Any, **how: Any) -> requests.Response:
    """While the provider is waited for, others of the process have the request's turn."""
    try:
        with waiting_for_another_server():
            return request(*args, **how)
    except ManyAreWaiting as error:
        raise requests.ConnectionError(str(error)) from error


def has_provider() -> bool:
    return bool(settings.OIDC_ISSUER)


def get_issuer() -> str:
    """Return what the provider calls itself, without the last slash, which some leave out."""
    return str(settings.OIDC_ISSUER).rstrip("/")


def begin(
    request: HttpRequest,
    *,
    door: Door,
    data: Mapping[str, Any],
    asks: Mapping[str, str] | None = None,
) -> str:
    """Return the provider's address to send the person to; state, nonce and PKCE stay here.

    `asks` are parameters of the provider's, such as `prompt`. Raises ProviderRefused
    (sign_in_unavailable).
    """
    provider = _get_provider(request, door=door)
    nonce = secrets.token_urlsafe(24)
    response = _call(
        lambda: provider.redirect(
            request,
            "login",
            data={"door": door.name, "nonce": nonce, "kept": dict(data)},
            auth_params={**provider.get_auth_params(), **(asks or {}), "nonce": nonce},
        )
    )
    if response.status_code != 302:
        raise ProviderRefused("sign_in_unavailable", "the provider's address cannot be used")
    return str(response["Location"])


def take_attempt(request: HttpRequest, *, door: Door) -> Attempt:
    """Return what this answer belongs to; a state is good once, in its browser, at its door.

    Raises ProviderRefused (sign_in_failed, sign_in_unavailable).
    """
    provider = _get_provider(request, door=door)
    try:
        state = provider.unstash_redirect_state(request, request.GET.get("state", ""))
        data = state["data"]
        if data["door"] != door.name:
            raise PermissionDenied
    except (PermissionDenied, KeyError, TypeError) as error:
        message = "no sign-in with this state was begun"
        raise ProviderRefused("sign_in_failed", message) from error
    return Attempt(data["kept"], data["nonce"], state.get("pkce_code_verifier"))


def redeem(request: HttpRequest, attempt: Attempt, *, door: Door, now: datetime) -> dict[str, Any]:
    """Return the claims of who has signed in, as the provider's signed answer says.

    Raises ProviderRefused (sign_in_failed, sign_in_unavailable).
    """
    provider = _get_provider(request, door=door)
    adapter = provider.get_oauth2_adapter(request)
    _check_answer(request)
    answer = _call(
        lambda: adapter.get_access_token_data(
            request,
            provider.app,
            adapter.get_client(request, provider.app),
            pkce_code_verifier=attempt.code_verifier,
        ),
        code="sign_in_failed",
    )
    return _verify(adapter, answer, nonce=attempt.nonce, now=now)


def _get_provider(request: HttpRequest, *, door: Door) -> Any:
    if not has_provider():
        raise ProviderRefused("sign_in_unavailable", "no identity provider is set")
    provider = get_adapter(request).get_provider(request, provider=settings.OIDC_PROVIDER_ID)
    provider.oauth2_adapter_class = partial(OidcAdapter, callback=door.callback)
    return provider


def _check_answer(request: HttpRequest) -> None:
    """Raise what the provider, or somebody in its name, has answered instead of a code."""
    error = request.GET.get("error", "")
    if error:
        shown = "".join(c for c in error if c.isalnum() or c in "_-")[:MAX_CODE]
        raise ProviderRefused("sign_in_failed", f"the provider answered {shown}")
    # RFC 9207: an answer that names another issuer was meant for another client.
    issuer = request.GET.get("iss", settings.OIDC_ISSUER)
    if issuer.rstrip("/") != get_issuer() or not request.GET.get("code"):
        raise ProviderRefused("sign_in_failed", "the answer is not the provider's")


def _verify(
    adapter: OidcAdapter, answer: dict[str, Any], *, nonce: str, now: datetime
) -> dict[str, Any]:
    text = answer.get("id_token")
    if not isinstance(text, str):
        raise ProviderRefused("sign_in_failed", "the provider sent no id_token")
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
        raise ProviderRefused("sign_in_failed", "userinfo is about somebody else")
    return {**more, **claims}


def _fetch_keys(adapter: OidcAdapter) -> dict[str, Any]:
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
        raise ProviderRefused("sign_in_unavailable", f"the provider is away ({name})") from error
    except (OAuth2Error, ValueError, TypeError, KeyError, RecursionError) as error:
        # An OAuth2Error may quote the provider's answer: not in our log.
        message = f"the provider's answer is unusable ({type(error).__name__})"
        raise ProviderRefused(code, message) from error
