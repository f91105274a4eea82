"""An identity provider's answer about a person: a signed `id_token`.

OpenID Connect Core 1.0, section 3.1.3.7.

Everything that the specification lets a client skip is checked all the same: the signature even
though the token came straight from the provider, and the nonce that ties it to this sign-in.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeGuard

import jwt

from organization.errors import ProviderRefused

# Public keys only: with HS256 whoever knows the client's secret could sign, and `none` is none.
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
MAX_BYTES = 32 * 1024
MAX_SUBJECT = 255
LAST_MOMENT = 2**40  # neither infinite nor past what a float holds
LEEWAY = 120  # seconds that the provider's clock and ours may differ


def verify_id_token(
    text: str,
    *,
    keys: Mapping[str, Any],
    issuer: str,
    client_id: str,
    nonce: str,
    now: datetime,
) -> dict[str, Any]:
    """Return the claims; `keys` is the provider's JWKS. Raises ProviderRefused (sign_in_failed)."""
    if len(text) > MAX_BYTES:
        raise _refuse("the id_token is too large")
    try:
        header = jwt.get_unverified_header(text)
        claims: dict[str, Any] = jwt.decode(
            text,
            _find_key(keys, header=header),
            algorithms=list(ALGORITHMS),
            issuer=issuer,
            audience=client_id,
            # The moments are compared with `now`, below.
            options={
                "require": ["iss", "sub", "aud", "exp", "iat"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise _refuse(f"the id_token proves nothing ({type(error).__name__}: {error})") from error
    _check_moments(claims, now=now)
    if claims.get("nonce") != nonce:
        raise _refuse("the id_token belongs to another sign-in (nonce)")
    audience = claims["aud"]
    several = isinstance(audience, list) and len(audience) > 1
    if claims.get("azp", None if several else client_id) != client_id:
        raise _refuse("the id_token was made for another client (azp)")
    return claims


def build_subject(claims: Mapping[str, Any], *, issuer: str) -> str:
    """Return what this person is called for ever and by nobody else; raises ProviderRefused."""
    subject = read_text(claims, "sub", limit=MAX_SUBJECT)
    full_subject = f"{issuer}#{subject}"
    if not subject or len(full_subject) > MAX_SUBJECT:
        raise _refuse("the provider names nobody (sub)")
    return full_subject


def read_text(claims: Mapping[str, Any], name: str, *, limit: int) -> str:
    """Return a claim that is one line of at most `limit` characters, else ""."""
    value = claims.get(name)
    if not isinstance(value, str) or not value.isprintable() or len(value) > limit:
        return ""
    return value.strip()


def _find_key(keys: Mapping[str, Any], *, header: Mapping[str, Any]) -> Any:
    """Return the one key of the set that the header names, or the only one that fits."""
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise _refuse("the id_token is not signed by a public key")
    rows = keys.get("keys")
    signing = [
        row
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and row.get("use", "sig") == "sig" and row.get("kty") != "oct"
    ]
    named = [row for row in signing if row.get("kid") == header.get("kid")]
    found = named if "kid" in header else signing
    if len(found) != 1:
        raise _refuse("the provider has no key of this name (kid)")
    return jwt.PyJWK(found[0], algorithm=algorithm).key


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_moments(claims: Mapping[str, Any], *, now: datetime) -> None:
    moment = now.timestamp()
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name)
        if name == "nbf" and value is None:
            continue
        if not _is_number(value) or not 0 <= value < LAST_MOMENT:
            raise _refuse(f"the id_token's {name} is no moment")
    if claims["exp"] + LEEWAY <= moment:
        raise _refuse("the id_token has expired")
    if max(claims["iat"], claims.get("nbf") or 0) - LEEWAY > moment:
        raise _refuse("the id_token is not valid yet")


def _refuse(message: str) -> ProviderRefused:
    return ProviderRefused("sign_in_failed", message)
