"""Reads of tokens and sessions that more than one door needs."""

from datetime import datetime

from django.db.models import F, Q, QuerySet

from enrollment.models import EnrollmentToken, TokenState
from scep.models import ScepProfile, ScepServerType


def get_token_state(token: EnrollmentToken, *, now: datetime) -> TokenState:
    """Return what the token is worth; the first of revoked, expired, used up that holds.

    A token that was made from another is worth no more than that one.
    """
    if token.parent is not None:
        state = get_token_state(token.parent, now=now)
        if state != TokenState.ACTIVE:
            return state
    if token.revoked_at is not None:
        return TokenState.REVOKED
    if token.expires_at is not None and token.expires_at <= now:
        return TokenState.EXPIRED
    if token.max_uses and token.use_count >= token.max_uses:
        return TokenState.EXHAUSTED
    return TokenState.ACTIVE


def find_service_profile(scep_profile: ScepProfile | None) -> ScepProfile | None:
    """Return the SCEP profile by which the Profile Service's certificates come.

    That of the token, or the oldest of our own where that one is an external server's or none.
    """
    if scep_profile is not None and scep_profile.server_type == ScepServerType.BUILTIN:
        return scep_profile
    builtin = ScepProfile.objects.filter(server_type=ScepServerType.BUILTIN)
    return builtin.select_related("issuing_ca").order_by("id").first()


def list_tokens(
    *, now: datetime, state: TokenState | str | None = None
) -> QuerySet[EnrollmentToken]:
    """Return the tokens, newest first, with group and SCEP profile; only those in `state`.

    Those that were made from another stand for it, and are not listed beside it.
    """
    tokens = EnrollmentToken.objects.filter(parent=None).select_related("group", "scep_profile")
    return tokens.filter(_build_condition(TokenState(state), now=now)) if state else tokens


def _build_condition(state: TokenState, *, now: datetime) -> Q:
    # Positive conditions only: a negated comparison with NULL is neither true nor false.
    revoked, not_revoked = Q(revoked_at__isnull=False), Q(revoked_at__isnull=True)
    expired = Q(expires_at__lte=now)
    not_expired = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    exhausted = Q(max_uses__gt=0, use_count__gte=F("max_uses"))
    not_exhausted = Q(max_uses=0) | Q(use_count__lt=F("max_uses"))
    return {
        TokenState.REVOKED: revoked,
        TokenState.EXPIRED: not_revoked & expired,
        TokenState.EXHAUSTED: not_revoked & not_expired & exhausted,
        TokenState.ACTIVE: not_revoked & not_expired & not_exhausted,
    }[state]
