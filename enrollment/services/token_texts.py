"""Enrollment tokens as text: signed into a link or a challenge, and verified.

The text is never stored: RS256 is deterministic, so it is signed again when it is needed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_public_key
from django.conf import settings

from devices.models import Group
from enrollment.errors import NotReady, TokenRefused
from enrollment.models import EnrollmentSession, EnrollmentToken, TokenSigningKey
from enrollment.protocol import token as token_protocol
from enrollment.protocol.link_text import read_link_text
from enrollment.protocol.token import EnrollmentClaims
from enrollment.services.tokens import check_not_stopped, check_token
from organization.models import Given, PreparedSelect

KEY_BY_ID = PreparedSelect(lambda: TokenSigningKey.objects.filter(kid=Given("kid")).order_by())
TOKEN_BY_ID = PreparedSelect(
    lambda: (
        EnrollmentToken.objects.filter(jti=Given("jti"), signing_key__kid=Given("kid"))
        .select_related("group", "scep_profile", "organization", "signing_key", "parent")
        .order_by()
    )
)


@dataclass(frozen=True)
class VerifiedToken:
    """A token whose signature, row and state have been checked; `session_id` for a challenge."""

    token: EnrollmentToken
    session_id: str = ""


def build_token_text(token: EnrollmentToken) -> str:
    """Return the JWT of the row: the same text each time."""
    return _sign(token, session_id=None)


def build_enrollment_url(token: EnrollmentToken) -> str:
    """Return the URL that people open, e-mail and print as a QR code."""
    return f"{settings.BASE_URL}/enroll?{urlencode({'token': build_token_text(token)})}"


def build_challenge(session: EnrollmentSession) -> str:
    """Return the session's token bound to the session: the challenge inside its profile."""
    return _sign(session.token, session_id=session.public_id)


def verify_token(text: str, *, now: datetime, allow_exhausted: bool = False) -> VerifiedToken:
    """Return what the text proves; raises TokenRefused with one of the token codes.

    `allow_exhausted` is for Authenticate, where a device that was counted already may come
    again and the conditional UPDATE decides.
    """
    kid = token_protocol.decode_header(text)
    key = KEY_BY_ID.first(kid=kid)
    if key is None:
        raise TokenRefused("token_signature_invalid", "the token names a key that is not ours")
    claims = token_protocol.verify_token(text, public_key=_load_public_key(key.public_key))
    token = _get_row(claims, key=key)
    check_token(token, now=now, allow_exhausted=allow_exhausted)
    return VerifiedToken(token, claims.sid or "")


def verify_bare_token(text: str, *, now: datetime) -> EnrollmentToken:
    """Return the active token behind a link, also one that a mail program has broken.

    A challenge of a session opens no page.
    """
    verified = verify_token(read_link_text(text), now=now)
    if verified.session_id:
        raise TokenRefused("token_malformed", "this is a challenge, not an enrollment token")
    check_not_stopped(verified.token)
    return verified.token


def find_challenged_session(challenge: str, *, now: datetime) -> str:
    """Return the session (`ses_…`) that a check-in URL's challenge is bound to, "" for none.

    For records: it says by whose profile a message came, and nothing of who sent it.
    """
    try:
        return verify_token(challenge, now=now, allow_exhausted=True).session_id
    except TokenRefused:
        return ""


def _get_row(claims: EnrollmentClaims, *, key: TokenSigningKey) -> EnrollmentToken:
    token = TOKEN_BY_ID.first(jti=claims.jti, kid=key.kid)
    if token is None:
        raise TokenRefused("token_unknown", "no token has this id")
    is_gone = claims.group_id != token.group_public_id and not (
        Group.objects.filter(public_id=claims.group_id).exists()
    )
    if is_gone:
        raise TokenRefused("group_missing", "the token's group is gone", token_id=token.jti)
    if claims != _build_claims(token, session_id=claims.sid):
        raise TokenRefused(
            "token_unknown", "the claims differ from the token's entry", token_id=token.jti
        )
    return token


def _build_claims(token: EnrollmentToken, *, session_id: str | None) -> EnrollmentClaims:
    return EnrollmentClaims(
        sub=token.organization.public_id,
        name=token.name,
        group_id=token.group_public_id,
        max_uses=token.max_uses,
        jti=token.jti,
        exp=int(token.expires_at.astimezone(UTC).timestamp()) if token.expires_at else None,
        scep_profile=token.scep_profile_public_id or None,
        sid=session_id,
    )


def _sign(token: EnrollmentToken, *, session_id: str | None) -> str:
    key = token.signing_key
    claims = _build_claims(token, session_id=session_id)
    return _sign_claims(claims, kid=key.kid, der=bytes(key.private_key or b""))


# One visit asks for the same text several times, and a signature is what costs the most in it.
@lru_cache(maxsize=256)
def _sign_claims(claims: EnrollmentClaims, *, kid: str, der: bytes) -> str:
    return token_protocol.sign_token(claims, kid=kid, private_key=_load_private_key(der))


# Reading a private key costs as much as some signatures with it.
@lru_cache(maxsize=8)
def _load_private_key(der: bytes) -> RSAPrivateKey:
    key = load_der_private_key(der, password=None)
    if not isinstance(key, RSAPrivateKey):
        raise NotReady("server_not_set_up", "the key that signs tokens is not an RSA key")
    return key


@lru_cache(maxsize=32)
def _load_public_key(pem: str) -> RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise NotReady("server_not_set_up", "the key that signs tokens is not an RSA key")
    return key
