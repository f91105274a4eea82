"""A provider that runs, a server that is told of it, and people who sign in there."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.oidc.running import run_provider
from tests.services import find_free_port

CLIENT_ID, CLIENT_SECRET = "guardmdm", "s3cret/with:odd@signs"
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The issuer of a provider that runs."""
    with run_provider(find_free_port(), client_id=CLIENT_ID, client_secret=CLIENT_SECRET) as issuer:
        yield issuer


def configure(settings: Any, *, issuer: str) -> None:
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID = issuer, CLIENT_ID
    settings.OIDC_NAME = "Example ID"
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "APPS": [
                {
                    "provider_id": settings.OIDC_PROVIDER_ID,
                    "name": "Example ID",
                    "client_id": CLIENT_ID,
                    "secret": CLIENT_SECRET,
                    "settings": {
                        "server_url": issuer,
                        "oauth_pkce_enabled": True,
                        "token_auth_method": "client_secret_basic",
                    },
                }
            ]
        }
    }


@pytest.fixture
def console_provider(settings: Any, provider: str) -> None:
    """Administrators may sign in there, too."""
    configure(settings, issuer=provider)
    settings.OIDC_CONSOLE = True


def sign_in_there(browser: httpx.Client, location: str, *, user: str, fault: str = "") -> str:
    """Fill in the provider's form; return the address it sends the browser back to."""
    form = browser.get(location)
    assert form.status_code == 200, form.text
    fields = {name: unescape(value) for name, value in HIDDEN.findall(form.text)}
    fields |= {"user": user, "fault": fault}
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(location))
    back = browser.post(f"{origin}/login", data=fields)
    assert back.status_code == 303
    return back.headers["Location"]
