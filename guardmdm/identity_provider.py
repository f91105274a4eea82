"""Where people sign in before they enroll: an OpenID Connect provider, from the environment."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from organization.protocol.loopback import is_loopback

PROVIDER_ID = "organization"
WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True)
class IdentityProvider:
    """An empty `issuer` means that nobody can sign in; `name` is what the button says."""

    issuer: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    name: str = ""


def decode_identity_provider(
    *, issuer: str, client_id: str, client_secret: str, name: str
) -> IdentityProvider:
    """Check what belongs together; raises ValueError with what is wrong."""
    if not issuer:
        if client_id or client_secret or name:
            raise ValueError("is missing: the other OIDC settings mean nothing without it")
        return IdentityProvider()
    parts = urlsplit(issuer)
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not safe or not parts.hostname or parts.port == 0 or parts.query or parts.fragment:
        raise ValueError("must be like https://login.example.com, as the provider states it")
    if issuer.endswith(WELL_KNOWN):
        raise ValueError(f"must be without {WELL_KNOWN}")
    if not client_id:
        raise ValueError("needs a client id: set OIDC_CLIENT_ID too")
    return IdentityProvider(issuer, client_id, client_secret, name or parts.hostname)


def build_provider_settings(provider: IdentityProvider) -> dict[str, Any]:
    """Return allauth's SOCIALACCOUNT_PROVIDERS."""
    if not provider.issuer:
        return {}
    app = {
        "provider_id": PROVIDER_ID,
        "name": provider.name,
        "client_id": provider.client_id,
        "secret": provider.client_secret,
        "settings": {"server_url": provider.issuer.rstrip("/"), "oauth_pkce_enabled": True},
    }
    return {"openid_connect": {"APPS": [app]}}
