"""Enrollment tokens: made, turned into text and URL, revoked, verified. The row rules.

The text is never stored: RS256 is deterministic, so it is signed again when it is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_pem_public_key,
)
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from devices.models import Group
from enrollment.errors import NotReady, TokenInvalid, TokenRefused
from enrollment.models import EnrollmentSession, EnrollmentToken, TokenSigningKey, TokenState
from enrollment.protocol import token as token_protocol
from enrollment.protocol.access_rights import FULL, RIGHTS_LEVELS
from enrollment.protocol.link_text import read_link_text
from enrollment.protocol.serial_numbers import check_serial_numbers
from enrollment.protocol.token import EnrollmentClaims
from enrollment.selectors import find_service_profile, get_token_state, list_tokens
from enrollment.services.allow_list import add_allowed_serials
from enrollment.services.sessions import end_open_sessions
from enrollment.signals import token_created, token_revoked
from organization.models import Given, PreparedSelect
from organization.protocol.one_line import is_one_line
from organization.selectors import get_organization
from organization.services import audit
from scep.models import ScepProfile
from scep.services.held_requests import reject_requests_of

KEY_BY_ID = PreparedSelect(lambda: TokenSigningKey.objects.filter(kid=Given("kid")).order_by())
TOKEN_BY_ID = PreparedSelect(
    lambda: (
        EnrollmentToken.objects.filter(jti=Given("jti"), signing_key__kid=Given("kid"))
        .select_related("group", "scep_profile", "organization", "signing_key", "parent")
        .order_by()
    )
)
MAX_NAME = 100
MAX_USES = 1_000_000


@dataclass(frozen=True)
class VerifiedToken:
    """A token whose signature, row and state have been checked; `session_id` for a challenge."""

    token: EnrollmentToken
    session_id: str = ""


@transaction.atomic
def create_token(
    *,
    name: str,
    group: Group,
    expires_at: datetime | None,
    max_uses: int,
    scep_profile: ScepProfile | None = None,
    rights: str = FULL,
    profile_service: bool = False,
    allowed_serials: Sequence[str] = (),
    hold_for_approval: bool = False,
    sign_in_required: bool = False,
    actor: str,
) -> EnrollmentToken:
    """Make a token; `expires_at` None = never, `max_uses` 0 = unlimited, audited.

    `rights` is the name of a level of enrollment.protocol.access_rights. `profile_service`: devices
    say what they are before they get a certificate. `allowed_serials`: the only devices that may
    enroll; none = every device. `hold_for_approval`: an administrator decides about each device.
    `sign_in_required`: people sign in at the identity provider before they enroll. Raises
    TokenInvalid for an impossible name, number, level or serial number, and for a sign-in where no
    provider is set; NotReady without a signing key.
    """
    serials = check_serial_numbers(allowed_serials)
    name = name.strip()
    _check_wanted(name=name, max_uses=max_uses, rights=rights)
    if profile_service and find_service_profile(scep_profile) is None:
        raise TokenInvalid("the Profile Service needs a SCEP profile of the built-in CA")
    if sign_in_required and not settings.OIDC_ISSUER:
        raise TokenInvalid("signing in needs an identity provider: see GUARDMDM_OIDC_ISSUER")
    token = EnrollmentToken.objects.create(
        organization=get_organization(),
        signing_key=get_signing_key(),
        name=name,
        group=group,
        scep_profile=scep_profile,
        expires_at=expires_at and expires_at.replace(microsecond=0),
        max_uses=max_uses,
        rights=rights,
        profile_service=profile_service,
        allowed_serial_count=len(serials),
        hold_for_approval=hold_for_approval,
        sign_in_required=sign_in_required,
        created_by=actor,
    )
    add_allowed_serials(token, serials=serials)
    audit.record(
        actor,
        action="token.create",
        subject_id=token.jti,
        subject=name,
        detail={"rights": rights, "allowed_serials": len(serials)},
    )
    token_created.send(EnrollmentToken, token=token)
    return token


def _check_wanted(*, name: str, max_uses: int, rights: str) -> None:
    if not name or len(name) > MAX_NAME or not is_one_line(name):
        raise TokenInvalid(f"a token's name has 1 to {MAX_NAME} printable characters")
    if not 0 <= max_uses <= MAX_USES:
        raise TokenInvalid(f"a token has 0 (unlimited) to {MAX_USES} uses")
    if rights not in RIGHTS_LEVELS:
        raise TokenInvalid(f"a token's rights are one of {', '.join(RIGHTS_LEVELS)}")


def get_signing_key() -> TokenSigningKey:
    """Return the key that signs new tokens; raises NotReady."""
    signing_key = TokenSigningKey.objects.filter(is_active=True).last()
    if signing_key is None:
        raise NotReady("server_not_set_up", "there is no key to sign enrollment tokens with")
    return signing_key


@transaction.atomic
def revoke_token(token: EnrollmentToken, *, actor: str) -> None:
    """From the next request on the token and every challenge made from it are refused."""
    now = timezone.now()
    token.revoked_at, token.revoked_by = now, actor
    family = EnrollmentToken.objects.filter(Q(pk=token.pk) | Q(parent=token)).order_by()
    sessions = EnrollmentSession.objects.filter(token__in=family).order_by()
    # What is held before its session, as decisions about it have it; sessions before the token, as
    # admission has it. What is held at this moment brings nothing either: its session is over.
    reject_requests_of(
        family.values("jti"), session_ids=sessions.values("public_id"), now=now, actor=actor
    )
    end_open_sessions(token, code="token_revoked", now=now)
    changed = EnrollmentToken.objects.filter(pk=token.pk, revoked_at=None).update(
        revoked_at=now, revoked_by=actor, updated_at=now
    )
    if changed:
        audit.record(actor, action="token.revoke", subject_id=token.jti, subject=token.name)
        token_revoked.send(EnrollmentToken, token=token)
    else:
        token.refresh_from_db()


def release_group(group: Group, *, now: datetime) -> int:
    """Let go of a group that is being deleted, where a token is worth nothing; return how many.

    They keep its name and id. Active ones hold on to it.
    """
    return (
        _list_dead(now=now)
        .filter(group=group)
        .update(group=None, former_group_id=group.public_id, former_group_name=group.name)
    )


def release_scep_profile(scep_profile: ScepProfile, *, now: datetime) -> int:
    """Let go of a SCEP profile that is being deleted, as release_group does of a group."""
    return (
        _list_dead(now=now)
        .filter(scep_profile=scep_profile)
        .update(
            scep_profile=None,
            former_scep_profile_id=scep_profile.public_id,
            former_scep_profile_name=scep_profile.name,
        )
    )


def _list_dead(*, now: datetime) -> QuerySet[EnrollmentToken]:
    active = list_tokens(now=now, state=TokenState.ACTIVE)
    return EnrollmentToken.objects.exclude(pk__in=active.order_by().values("pk")).order_by()


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


def check_not_stopped(token: EnrollmentToken) -> None:
    """Raise NotReady (enrollment_stopped) while the organization takes no new devices."""
    if token.organization.enrollment_stopped_at is not None:
        raise NotReady("enrollment_stopped", "new enrollments are stopped", token_id=token.jti)


def find_challenged_session(challenge: str, *, now: datetime) -> str:
    """Return the session (`ses_…`) that a check-in URL's challenge is bound to, "" for none.

    For records: it says by whose profile a message came, and nothing of who sent it.
    """
    try:
        return verify_token(challenge, now=now, allow_exhausted=True).session_id
    except TokenRefused:
        return ""


def get_active_token(jti: str, *, now: datetime) -> EnrollmentToken:
    """Return the token of this id, for whoever has proved it before; raises TokenRefused."""
    token = EnrollmentToken.objects.select_related("parent", "organization").filter(jti=jti).first()
    if token is None:
        raise TokenRefused("token_unknown", "no token has this id")
    check_token(token, now=now)
    check_not_stopped(token)
    return token


def check_token(token: EnrollmentToken, *, now: datetime, allow_exhausted: bool = False) -> None:
    """Raise TokenRefused unless the token is active."""
    state = get_token_state(token, now=now)
    if state == TokenState.ACTIVE:
        return
    if state == TokenState.EXHAUSTED and allow_exhausted and not token.has_lost_its_ground:
        return
    raise TokenRefused(
        f"token_{state}", f"token “{token.name}”: {state.label.lower()}", token_id=token.jti
    )


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
