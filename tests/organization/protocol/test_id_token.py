"""What an identity provider's signed answer must say before it is believed."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from organization.errors import ProviderRefused
from organization.protocol.id_token import verify_id_token
from tests.oidc.signing import build_jwk, encode, make_key, sign

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
KEY, STRANGE_KEY = make_key(), make_key()
KEYS = {"keys": [build_jwk(KEY, kid="k1"), {"kty": "oct", "kid": "k2", "k": encode(b"secret")}]}
ISSUER, CLIENT, NONCE = "https://id.example.com", "guardmdm", "n-0S6_WzA2Mj"


def build_claims(**changes: Any) -> dict[str, Any]:
    moment = int(NOW.timestamp())
    claims = {
        "iss": ISSUER,
        "sub": "248289761001",
        "aud": CLIENT,
        "exp": moment + 300,
        "iat": moment,
        "nonce": NONCE,
        "name": "Ann Lee",
        "email": "ann@example.com",
    } | changes
    return {name: value for name, value in claims.items() if value is not None}


def verify(text: str, keys: dict[str, Any] = KEYS) -> dict[str, Any]:
    return verify_id_token(text, keys=keys, issuer=ISSUER, client_id=CLIENT, nonce=NONCE, now=NOW)


def sign_claims(**changes: Any) -> str:
    return sign(build_claims(**changes), key=KEY, kid="k1")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "another"], "azp": CLIENT},
        {"exp": int((NOW - timedelta(seconds=60)).timestamp())},  # clocks differ
        {"iat": int((NOW + timedelta(seconds=60)).timestamp())},
        {"nbf": int(NOW.timestamp())},
    ],
)
def test_claims_are_believed_when_everything_fits(changes: dict[str, Any]) -> None:
    assert verify(sign_claims(**changes))["sub"] == "248289761001"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"iss": f"{ISSUER}/"},
        {"aud": "another"},
        {"aud": []},
        {"aud": [CLIENT, "another"]},
        {"azp": "another"},
        {"exp": int((NOW - timedelta(seconds=121)).timestamp())},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": float("inf"), "iat": float("nan")},
        {"exp": 10**400},
        {"iat": None},
        {"iat": int((NOW + timedelta(hours=1)).timestamp())},
        {"nbf": int((NOW + timedelta(hours=1)).timestamp())},
        {"nbf": "tomorrow"},
        {"nonce": None},
        {"nonce": "another"},
        {"nonce": [NONCE]},
        {"sub": None},
        {"sub": 7},
    ],
)
def test_claims_are_refused_when_one_does_not_fit(changes: dict[str, Any]) -> None:
    with pytest.raises(ProviderRefused) as caught:
        verify(sign_claims(**changes))
    assert caught.value.code == "sign_in_failed"


def forge_hs256() -> str:
    """Signed with the provider's public key as if it were a shared secret."""
    secret = json.dumps(KEYS["keys"][0]).encode()
    header = encode(json.dumps({"alg": "HS256", "kid": "k1"}).encode())
    text = f"{header}.{encode(json.dumps(build_claims()).encode())}"
    return f"{text}.{encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def alter(text: str) -> str:
    header, claims, signature = text.split(".")
    changed = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"sub": "admin"}
    return f"{header}.{encode(json.dumps(changed).encode())}.{signature}"


@pytest.mark.parametrize(
    "text",
    [
        sign(build_claims(), key=STRANGE_KEY, kid="k1"),
        sign(build_claims(), key=KEY, kid="k9"),
        sign(build_claims(), key=KEY, kid="k2"),
        sign(build_claims(), key=KEY, kid="k1", alg="none"),
        sign(build_claims(), key=KEY, kid="k1", alg="HS256"),
        sign(build_claims(), key=KEY, kid="k1", alg="ES256"),
        forge_hs256(),
        alter(sign_claims()),
        "",
        "a.b.c",
        "x" * 40_000,
        f"{encode(b'[' * 20_000)}.e30.AA",
    ],
)
def test_token_is_refused_when_its_signature_is_not_the_providers(text: str) -> None:
    with pytest.raises(ProviderRefused):
        verify(text)


@pytest.mark.parametrize("keys", [{}, {"keys": None}, {"keys": ["k1"]}, {"keys": [{"kid": "k1"}]}])
def test_token_is_refused_when_the_providers_keys_are_unusable(keys: dict[str, Any]) -> None:
    with pytest.raises(ProviderRefused):
        verify(sign_claims(), keys)
