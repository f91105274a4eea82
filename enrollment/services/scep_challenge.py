"""Two ports: SCEP_TOKEN_CHALLENGE_VERIFIER, is this challenge a token of ours, and
SCEP_SESSION_CHECKER, may a session still bring its device a certificate?
"""

from datetime import datetime

from enrollment.errors import EnrollmentRefused, SessionRefused, SignInRefused, TokenRefused
from enrollment.models import EnrollmentSession
from enrollment.services.sessions import SESSION_WITH_TOKEN, check_open, get_session
from enrollment.services.subject_attributes import check_identified
from enrollment.services.token_texts import VerifiedToken, verify_token
from enrollment.services.tokens import check_not_stopped, check_token
from scep.errors import ChallengeInvalid
from scep.models import ChallengeType, ScepProfile
from scep.protocol.grant import ChallengeGrant
from scep.selectors import count_brought_certificates

# A device asks again with a new key when an installation was cut off; a leaked link must not
# bring certificates without end. The bare token may bring this many for each of its uses.
CERTIFICATES_PER_DEVICE = 5


def verify_token_challenge(
    challenge: str, *, scep_profile: ScepProfile, now: datetime
) -> ChallengeGrant:
    """Return what the challenge proves; raises ChallengeInvalid with the refusal's code.

    A session's challenge is expected; the bare token is accepted and binds to no session.
    """
    token_id, is_return = "", False
    try:
        verified = verify_token(challenge, now=now)
        token_id = verified.token.jti
        check_not_stopped(verified.token)
        if verified.token.scep_profile_id != scep_profile.pk:
            raise TokenRefused("scep_challenge_invalid", "the token names another SCEP profile")
        if verified.session_id:
            is_return = _check_session(verified, now=now).is_return
        elif verified.token.sign_in_required:
            raise SignInRefused("sign_in_required", "nobody has signed in")
        elif verified.token.profile_service:
            raise TokenRefused("device_not_identified", "the bare token names no device")
        is_one_time = is_return and scep_profile.challenge_type == ChallengeType.DYNAMIC
        limit = _check_certificates(verified, each=1 if is_one_time else CERTIFICATES_PER_DEVICE)
    except EnrollmentRefused as error:
        raise ChallengeInvalid(
            error.message, code=error.code, token_id=error.token_id or token_id
        ) from error
    return ChallengeGrant(
        session_id=verified.session_id,
        token_id=verified.token.jti,
        max_certificates=limit,
        holds=verified.token.hold_for_approval,
        stands_in=is_return,
    )


def check_session(session_id: str, *, now: datetime, is_identity: bool) -> None:
    """Raise ChallengeInvalid with the refusal's code once the session or its token is over.

    A session that is not known proves nothing here, and enrolls nothing.
    """
    session = SESSION_WITH_TOKEN.first(session_id=session_id)
    if session is None:
        return
    try:
        check_token(session.token, now=now)
        check_open(session, now=now)
        if is_identity:
            check_identified(session)
    except EnrollmentRefused as error:
        raise ChallengeInvalid(
            error.message, code=error.code, token_id=session.token.jti
        ) from error


def _check_session(verified: VerifiedToken, *, now: datetime) -> EnrollmentSession:
    session = get_session(verified.session_id)
    if session.token_id != verified.token.pk:
        raise SessionRefused("session_unknown", "the session belongs to another token")
    check_open(session, now=now)
    check_identified(session)
    return session


def _check_certificates(verified: VerifiedToken, *, each: int) -> int:
    """Return how many certificates the challenge may bring, `each` a device; 0 = no limit.

    Raises TokenRefused once it has. The CA counts again, one request after the other, when it
    stores one.
    """
    devices = 1 if verified.session_id else verified.token.max_uses
    limit = devices * each
    if limit and limit <= count_brought_certificates(
        session_id=verified.session_id, token_id=verified.token.jti
    ):
        raise TokenRefused("scep_challenge_reused", "the challenge has brought its certificates")
    return limit
