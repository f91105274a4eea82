"""The identity provider at which people sign in before they enroll."""

import httpx
from django.conf import settings

from guardmdm.health.findings import Finding, build_failure
from guardmdm.identity_provider import WELL_KNOWN

SECONDS = 5
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def check_identity_provider() -> Finding:
    """Read what the provider says of itself; only where one is set."""
    name, fix = "identity provider", "Check GUARDMDM_OIDC_ISSUER and the way there."
    url = settings.OIDC_ISSUER.rstrip("/") + WELL_KNOWN
    try:
        answer = httpx.get(url, timeout=SECONDS).raise_for_status().json()
        missing = [member for member in NEEDED if not answer.get(member)]
        issuer = str(answer.get("issuer", ""))
    except (httpx.HTTPError, ValueError, AttributeError) as error:
        return build_failure(name, f"{url} is of no use ({type(error).__name__})", fix)
    if missing:
        return build_failure(name, f"{url} names no {', '.join(missing)}", fix)
    if issuer.rstrip("/") != settings.OIDC_ISSUER.rstrip("/"):
        return build_failure(name, f"calls itself {issuer[:200]}", "Set GUARDMDM_OIDC_ISSUER so.")
    return Finding(name, f"{settings.OIDC_ISSUER} answers")
