"""SCEP challenges: who may ask for a certificate. No challenge = refuse everything."""

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.module_loading import import_string

from scep.errors import ChallengeInvalid, ChallengeReused
from scep.models import ChallengeType, DynamicChallenge, ScepProfile
from scep.protocol.grant import ChallengeGrant

SECRET_BYTES = 32
LIFETIME = timedelta(minutes=60)
SESSION_ID = re.compile(r"ses_[a-z0-9]{20}")


def create_dynamic_challenge(scep_profile: ScepProfile, *, session_id: str, now: datetime) -> str:
    """Return a one-time password (43 URL-safe characters) for one session, valid 60 minutes."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    DynamicChallenge.objects.create(
        scep_profile=scep_profile,
        session_id=session_id,
        secret_sha256=_digest(secret),
        expires_at=now + LIFETIME,
    )
    return secret


def check_challenge(
    challenge: str, *, scep_profile: ScepProfile, common_name: str, now: datetime
) -> ChallengeGrant:
    """Return what `challenge` proves, without using it up.

    `common_name` is the request's: with a static challenge, which knows no session, it names the
    session. Raises ChallengeInvalid or ChallengeReused.
    """
    if not challenge:
        raise ChallengeInvalid("the request holds no challenge")
    if scep_profile.challenge_type == ChallengeType.STATIC:
        return _check_static(challenge, scep_profile=scep_profile, common_name=common_name)
    if scep_profile.challenge_type == ChallengeType.DYNAMIC:
        return _check_dynamic(challenge, scep_profile=scep_profile, now=now)
    if scep_profile.challenge_type == ChallengeType.TOKEN:
        return _check_token(challenge, scep_profile=scep_profile, now=now)
    raise ChallengeInvalid("the SCEP profile has no kind of challenge")


def spend_challenge(challenge: str, *, scep_profile: ScepProfile, now: datetime) -> None:
    """Use the challenge up; call it in the transaction that stores the certificate.

    One conditional UPDATE, so of two requests at once exactly one passes. Static and token
    challenges are not used up here (a token's use counts when a device checks in).
    Raises ChallengeReused.
    """
    if scep_profile.challenge_type != ChallengeType.DYNAMIC:
        return
    spent = DynamicChallenge.objects.filter(
        scep_profile=scep_profile,
        secret_sha256=_digest(challenge),
        consumed_at=None,
        expires_at__gt=now,
    ).update(consumed_at=now)
    if not spent:
        raise ChallengeReused("the one-time challenge has been used already")


def find_session_id(common_name: str) -> str:
    """Return the session that a request's common name claims, or "" where it names none."""
    return common_name if SESSION_ID.fullmatch(common_name) else ""


def _check_static(challenge: str, *, scep_profile: ScepProfile, common_name: str) -> ChallengeGrant:
    expected = bytes(scep_profile.static_challenge or b"")
    if not expected:
        raise ChallengeInvalid("the SCEP profile has no static challenge, so nothing is issued")
    if not hmac.compare_digest(challenge.encode(), expected):
        raise ChallengeInvalid("the static challenge is wrong")
    return ChallengeGrant(session_id=find_session_id(common_name), token_id="")


def _check_dynamic(challenge: str, *, scep_profile: ScepProfile, now: datetime) -> ChallengeGrant:
    row = DynamicChallenge.objects.filter(
        scep_profile=scep_profile, secret_sha256=_digest(challenge)
    ).first()
    if row is None:
        raise ChallengeInvalid("the one-time challenge is unknown to this SCEP profile")
    if row.consumed_at is not None:
        raise ChallengeReused("the one-time challenge has been used already")
    if row.expires_at <= now:
        raise ChallengeInvalid("the one-time challenge has expired")
    return ChallengeGrant(session_id=row.session_id, token_id="")


def _check_token(challenge: str, *, scep_profile: ScepProfile, now: datetime) -> ChallengeGrant:
    verify = import_string(settings.SCEP_TOKEN_CHALLENGE_VERIFIER)
    grant: ChallengeGrant = verify(challenge, scep_profile=scep_profile, now=now)
    return grant


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
