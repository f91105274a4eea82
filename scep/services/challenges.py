"""SCEP challenges: who may ask for a certificate. No challenge = refuse everything."""

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.module_loading import import_string

from organization.models import (
    Given,
    PreparedSelect,
    PreparedUpdate,
    insert_row,
    lock_until_commit,
)
from organization.protocol.public_id import is_public_id
from scep.errors import ChallengeInvalid, ChallengeReused
from scep.models import (
    CertificateStatus,
    ChallengePurpose,
    ChallengeType,
    DynamicChallenge,
    IssuedCertificate,
    ScepProfile,
)
from scep.protocol.grant import ChallengeGrant
from scep.selectors import count_brought_certificates

SECRET_BYTES = 32
LIFETIME = timedelta(minutes=60)
ONE_TIME = re.compile(r"[A-Za-z0-9_-]{43}")
TOKEN = re.compile(r"[^.]+\.[^.]+\.[^.]+")
ONE_TIME_CHALLENGE = PreparedSelect(
    lambda: DynamicChallenge.objects.filter(
        scep_profile=Given("scep_profile"), secret_sha256=Given("secret_sha256")
    ).select_related("renews")
)
SPEND = PreparedUpdate(
    lambda: DynamicChallenge.objects.filter(
        scep_profile=Given("scep_profile"),
        secret_sha256=Given("secret_sha256"),
        consumed_at=None,
        expires_at__gt=Given("now"),
    ),
    consumed_at=Given("now"),
)


def create_dynamic_challenge(
    scep_profile: ScepProfile,
    *,
    session_id: str,
    now: datetime,
    purpose: ChallengePurpose = ChallengePurpose.ENROLLMENT,
    renews: IssuedCertificate | None = None,
    holds: bool = False,
) -> str:
    """Return a one-time password (43 URL-safe characters) for one session, valid 60 minutes.

    One for a RENEWAL says which certificate it `renews`, and no other one does. All but those of
    the purpose ENROLLMENT are good for a profile with any kind of challenge. `holds`: what asks
    with it waits for an administrator.
    """
    if (renews is not None) != (purpose == ChallengePurpose.RENEWAL):
        raise ValueError("a renewal challenge, and no other, names the certificate that it renews")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    insert_row(
        DynamicChallenge(
            scep_profile=scep_profile,
            purpose=purpose,
            session_id=session_id,
            renews=renews,
            holds=holds,
            secret_sha256=_digest(secret),
            expires_at=now + LIFETIME,
        )
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
    row = _find_one_time(challenge, scep_profile=scep_profile)
    if row is not None:
        return _check_one_time(row, now=now)
    if scep_profile.challenge_type == ChallengeType.STATIC:
        return _check_static(challenge, scep_profile=scep_profile, common_name=common_name)
    if scep_profile.challenge_type == ChallengeType.DYNAMIC:
        return _check_stand_in(challenge, scep_profile=scep_profile, now=now)
    if scep_profile.challenge_type == ChallengeType.TOKEN:
        return _check_token(challenge, scep_profile=scep_profile, now=now)
    raise ChallengeInvalid("the SCEP profile has no kind of challenge")


def spend_challenge(
    challenge: str, *, grant: ChallengeGrant, scep_profile: ScepProfile, now: datetime
) -> None:
    """Use up what `check_challenge` granted; called in the transaction that stores the outcome.

    Of a one-time challenge by one conditional UPDATE, so that of many at once exactly one gets
    through; of a token's under a lock, so that exactly as many do as it may bring. Raises
    ChallengeReused.
    """
    if grant.is_one_time:
        _spend_one_time(challenge, scep_profile=scep_profile, now=now)
    else:
        count_certificate(grant)


def check_number(grant: ChallengeGrant) -> None:
    """Raise ChallengeReused where the challenge has brought its certificates, before one is signed.

    Of those at once each may pass: `count_certificate` decides.
    """
    if grant.max_certificates and _count_brought(grant) >= grant.max_certificates:
        raise _build_refusal(grant)


def count_certificate(grant: ChallengeGrant) -> None:
    """Count what has been brought, this certificate included, one request after the other.

    Called in the transaction that stores it, after it and before anything else; raises
    ChallengeReused.
    """
    if not grant.max_certificates:
        return
    lock_until_commit(f"challenge {grant.session_id} {grant.token_id}")
    if _count_brought(grant) > grant.max_certificates:
        raise _build_refusal(grant)


def find_session_id(common_name: str) -> str:
    """Return the session that a request's common name claims, or "" where it names none."""
    return common_name if is_public_id(common_name, prefix="ses") else ""


def _find_one_time(challenge: str, *, scep_profile: ScepProfile) -> DynamicChallenge | None:
    if not ONE_TIME.fullmatch(challenge):
        return None
    row = ONE_TIME_CHALLENGE.first(scep_profile=scep_profile.pk, secret_sha256=_digest(challenge))
    fits = scep_profile.challenge_type == ChallengeType.DYNAMIC or (
        row is not None and row.purpose != ChallengePurpose.ENROLLMENT
    )
    return row if fits else None


def _check_one_time(row: DynamicChallenge, *, now: datetime) -> ChallengeGrant:
    if row.consumed_at is not None:
        raise ChallengeReused("the one-time challenge has been used already")
    if row.expires_at <= now:
        raise ChallengeInvalid("the one-time challenge has expired")
    renewed = row.renews
    if renewed is not None and renewed.status != CertificateStatus.ISSUED:
        raise ChallengeInvalid("the certificate that the challenge renews was revoked")
    return ChallengeGrant(
        session_id=row.session_id,
        token_id=renewed.token_id if renewed else "",
        renews_fingerprint=(renewed.fingerprint or "") if renewed else "",
        is_test=row.purpose == ChallengePurpose.TEST,
        is_one_time=True,
        is_profile_service=row.purpose == ChallengePurpose.PROFILE_SERVICE,
        holds=row.holds,
    )


def _spend_one_time(challenge: str, *, scep_profile: ScepProfile, now: datetime) -> None:
    spent = SPEND.run(scep_profile=scep_profile.pk, secret_sha256=_digest(challenge), now=now)
    if not spent:
        raise ChallengeReused("the one-time challenge has been used already")


def _count_brought(grant: ChallengeGrant) -> int:
    return count_brought_certificates(session_id=grant.session_id, token_id=grant.token_id)


def _build_refusal(grant: ChallengeGrant) -> ChallengeReused:
    return ChallengeReused("the challenge has brought its certificates", token_id=grant.token_id)


def _check_static(challenge: str, *, scep_profile: ScepProfile, common_name: str) -> ChallengeGrant:
    expected = bytes(scep_profile.static_challenge or b"")
    if not expected:
        raise ChallengeInvalid("the SCEP profile has no static challenge, so nothing is issued")
    if not hmac.compare_digest(challenge.encode(), expected):
        raise ChallengeInvalid("the static challenge is wrong")
    return ChallengeGrant(session_id=find_session_id(common_name), token_id="", is_claimed=True)


def _check_token(challenge: str, *, scep_profile: ScepProfile, now: datetime) -> ChallengeGrant:
    verify = import_string(settings.SCEP_TOKEN_CHALLENGE_VERIFIER)
    grant: ChallengeGrant = verify(challenge, scep_profile=scep_profile, now=now)
    return grant


def _check_stand_in(challenge: str, *, scep_profile: ScepProfile, now: datetime) -> ChallengeGrant:
    """What enrolls a device hours later carries a token's: one-time challenges are dead then."""
    if TOKEN.fullmatch(challenge):
        grant = _check_token(challenge, scep_profile=scep_profile, now=now)
        if grant.stands_in:
            return grant
    raise ChallengeInvalid("the one-time challenge is unknown to this SCEP profile")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
