"""Reads of enrollment tokens: what they are worth, and those that stand for others."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet

from enrollment.models import EnrollmentSession, EnrollmentToken, TokenState
from scep.models import ScepProfile, ScepServerType

EXPIRING, RUNNING_OUT = "token_expiring", "token_running_out"
EXPIRY_NOTICE = timedelta(days=1)
# A tenth of the uses, of tokens that have some.
QUOTA_SHARE, QUOTA_FROM = 10, 5
# One use left, or a tenth.
IS_RUNNING_OUT = Q(max_uses__gte=QUOTA_FROM) & (
    Q(use_count__gte=F("max_uses") - 1)
    | Q(max_uses__gte=(F("max_uses") - F("use_count")) * QUOTA_SHARE)
)


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


def find_token_warnings(token: EnrollmentToken, *, now: datetime) -> list[str]:
    """Return the log codes of what will soon end an active token; [] where nothing does.

    Nobody minds that a token for one device ends unused, or that it is used up.
    """
    if token.max_uses == 1 or get_token_state(token, now=now) != TokenState.ACTIVE:
        return []
    is_near = {EXPIRING: _is_expiring(token, now=now), RUNNING_OUT: _is_running_out(token)}
    return [code for code, holds in is_near.items() if holds]


def _is_expiring(token: EnrollmentToken, *, now: datetime) -> bool:
    """A day before, or when a quarter of a shorter life is left."""
    if token.expires_at is None:
        return False
    life = token.expires_at - token.created_at
    return token.expires_at - now <= min(EXPIRY_NOTICE, life / 4)


def _is_running_out(token: EnrollmentToken) -> bool:
    left = token.max_uses - token.use_count
    return token.max_uses >= QUOTA_FROM and left <= max(1, token.max_uses // QUOTA_SHARE)


def list_ending_tokens(*, now: datetime) -> QuerySet[EnrollmentToken]:
    """Return a few more than the active tokens that find_token_warnings has something to say of."""
    return _list_ending(_expires_soon(now=now) | IS_RUNNING_OUT, now=now)


def list_untold_tokens(*, now: datetime) -> QuerySet[EnrollmentToken]:
    """Return those of which the log does not tell it yet, the ones that end first first."""
    untold = _expires_soon(now=now) & Q(expiry_warned_at__isnull=True)
    untold |= IS_RUNNING_OUT & Q(quota_warned_at__isnull=True)
    return _list_ending(untold, now=now).order_by("expires_at", "id")


def _expires_soon(*, now: datetime) -> Q:
    return Q(expires_at__lte=now + EXPIRY_NOTICE)


def _list_ending(ends: Q, *, now: datetime) -> QuerySet[EnrollmentToken]:
    return list_tokens(now=now, state=TokenState.ACTIVE).exclude(max_uses=1).filter(ends)


def find_service_profile(scep_profile: ScepProfile | None) -> ScepProfile | None:
    """Return the SCEP profile by which the Profile Service's certificates come.

    That of the token, or the oldest of our own where that one is an external server's or none.
    """
    if scep_profile is not None and not scep_profile.is_external:
        return scep_profile
    builtin = ScepProfile.objects.filter(server_type=ScepServerType.BUILTIN)
    return builtin.select_related("issuing_ca").order_by("id").first()


def is_held_at_page(token: EnrollmentToken) -> bool:
    """Whether the token's sessions wait for approval before there is anything to download.

    Where our own CA issues by SCEP, the request for the certificate waits instead.
    """
    profile = token.scep_profile
    is_ours = profile is not None and not profile.is_external
    return token.hold_for_approval and not is_ours


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


def select_token_of_session(session_id: F | OuterRef) -> QuerySet[EnrollmentToken, str]:
    """Return the jti of the token behind a session (the port SCEP_TOKEN_OF_SESSION)."""
    sessions = EnrollmentSession.objects.filter(public_id=session_id).order_by()
    return sessions.values_list("token__jti", flat=True)[:1]  # type: ignore[return-value]


def select_token_family(jti: str) -> tuple[QuerySet[Any, str], QuerySet[Any, str]]:
    """Return the jtis of a token and of those made from it, and the ids of all their sessions.

    The port SCEP_TOKEN_FAMILY. The key is asked for first: both halves then have an index, where
    the parent's jti would be looked for in every token.
    """
    key = EnrollmentToken.objects.order_by().filter(jti=jti).values_list("pk", flat=True).first()
    family = EnrollmentToken.objects.order_by()
    family = family.none() if key is None else family.filter(Q(pk=key) | Q(parent=key))
    sessions = EnrollmentSession.objects.filter(token__in=family.values("pk")).order_by()
    return family.values_list("jti", flat=True), sessions.values_list("public_id", flat=True)


def filter_by_family(rows: QuerySet[Any], key: int) -> QuerySet[Any]:
    """Keep the rows whose `token` is this one, or was made from it.

    Most tokens have no children: their rows stand together in one index.
    """
    family = EnrollmentToken.objects.order_by().filter(Q(pk=key) | Q(parent=key))
    if not EnrollmentToken.objects.filter(parent=key).exists():
        return rows.filter(token=key)
    return rows.filter(token__in=family.values("pk"))
