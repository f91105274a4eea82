"""The enrollment token: a JWT (RFC 7519), signed with RS256, of exactly the claims below.

Bound to a session it has one claim more, `sid`, and is the challenge inside a profile.
Nothing here knows a clock or a row: expiry, revocation and the row's equality are checked
by enrollment.services.token_texts.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from enrollment.errors import TokenRefused

MAX_BYTES = 4096
HEADER_MEMBERS = {"alg", "typ", "kid"}
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
KID = re.compile(r"[A-Za-z0-9_-]{1,40}")
REQUIRED: dict[str, type] = {
    "sub": str,
    "name": str,
    "group_id": str,
    "max_uses": int,
    "jti": str,
}
OPTIONAL: dict[str, type] = {"exp": int, "scep_profile": str, "sid": str}


@dataclass(frozen=True)
class EnrollmentClaims:
    """What a token says. `exp` is in Unix seconds; None means that the claim is absent."""

    sub: str
    name: str
    group_id: str
    max_uses: int
    jti: str
    exp: int | None = None
    scep_profile: str | None = None
    sid: str | None = None


def sign_token(claims: EnrollmentClaims, *, kid: str, private_key: RSAPrivateKey) -> str:
    """Return the compact JWS; the same claims and key always give the same text (RS256)."""
    members = {name: value for name, value in asdict(claims).items() if value is not None}
    return jwt.encode(members, private_key, algorithm="RS256", headers={"kid": kid})


def decode_header(text: str) -> str:
    """Return the `kid` of a token whose form and header are ours; no key is touched.

    Raises TokenRefused: token_malformed, or token_signature_invalid for another algorithm.
    """
    if len(text) > MAX_BYTES or not text.isascii():
        raise TokenRefused("token_malformed", "the token is too long or not ASCII")
    if not COMPACT.fullmatch(text):
        raise TokenRefused("token_malformed", "the token is not three base64url parts")
    header = _decode_object(_decode_base64(text.split(".")[0]), what="header")
    if set(header) - HEADER_MEMBERS:
        raise TokenRefused("token_malformed", "the token's header has a member that is refused")
    if header.get("alg") != "RS256":
        raise TokenRefused("token_signature_invalid", "the token is not signed with RS256")
    kid = header.get("kid")
    if type(kid) is not str or not KID.fullmatch(kid) or header.get("typ", "JWT") != "JWT":
        raise TokenRefused("token_malformed", "the token's header lacks a key id or is no JWT's")
    return kid


def verify_token(text: str, *, public_key: RSAPublicKey) -> EnrollmentClaims:
    """Return the claims of a token that `public_key` signed; raises TokenRefused."""
    decode_header(text)
    _decode_base64(text.split(".")[1])
    try:
        payload = jwt.PyJWS().decode(text, public_key, algorithms=["RS256"])
    except jwt.PyJWTError as error:
        raise TokenRefused("token_signature_invalid", "the signature is not ours") from error
    return _decode_claims(_decode_object(payload, what="payload"))


def _decode_claims(members: Mapping[str, Any]) -> EnrollmentClaims:
    if not set(REQUIRED) <= set(members) <= set(REQUIRED) | set(OPTIONAL):
        raise TokenRefused("token_malformed", "the token's claims are not those of a token")
    for name, value in members.items():
        # `type() is`: to isinstance, True is an int.
        if type(value) is not (REQUIRED | OPTIONAL)[name]:
            raise TokenRefused("token_malformed", f"the claim {name} has the wrong type")
    if members["max_uses"] < 0:
        raise TokenRefused("token_malformed", "the claim max_uses is negative")
    return EnrollmentClaims(**members)


def _decode_base64(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise TokenRefused("token_malformed", "the token is not base64url") from error


def _decode_object(data: bytes, *, what: str) -> dict[str, Any]:
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_refuse_duplicates,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        raise TokenRefused("token_malformed", f"the token's {what} is not strict JSON") from error
    if type(value) is not dict:
        raise TokenRefused("token_malformed", f"the token's {what} is no JSON object")
    return value


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands there twice")
    return members


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")
