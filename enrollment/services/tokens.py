"""Enrollment tokens: made, revoked, let go of, and what they are still worth. The row rules."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from devices.models import Group
from enrollment.errors import NotReady, TokenInvalid, TokenRefused
from enrollment.models import EnrollmentSession, EnrollmentToken, TokenSigningKey, TokenState
from enrollment.protocol.access_rights import FULL, RIGHTS_LEVELS
from enrollment.protocol.serial_numbers import check_serial_numbers
from enrollment.selectors import find_service_profile, get_token_state, list_tokens
from enrollment.services.allow_list import add_allowed_serials
from enrollment.services.sessions import end_open_sessions
from enrollment.signals import token_created, token_revoked
from organization.protocol.one_line import is_one_line
from organization.selectors import get_organization
from organization.services import audit
from scep.models import ScepProfile
from scep.services.held_requests import reject_requests_of

MAX_NAME = 100
MAX_USES = 1_000_000


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


def check_not_stopped(token: EnrollmentToken) -> None:
    """Raise NotReady (enrollment_stopped) while the organization takes no new devices."""
    if token.organization.enrollment_stopped_at is not None:
        raise NotReady("enrollment_stopped", "new enrollments are stopped", token_id=token.jti)


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
