"""Reads of invitations: how far the person is, one by one and in a list."""

from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from enrollment.models import (
    EnrollmentSession,
    EnrollmentToken,
    Invitation,
    InvitationState,
    MailState,
    TokenState,
)
from enrollment.protocol.person import Person
from enrollment.selectors.tokens import get_token_state

HAS_STARTED = Exists(EnrollmentSession.objects.filter(token=OuterRef("token")))
MAIL_STATES = {
    MailState.NONE: InvitationState.INVITED,
    MailState.QUEUED: InvitationState.QUEUED,
    MailState.SENDING: InvitationState.QUEUED,
    MailState.SENT: InvitationState.MAILED,
    MailState.FAILED: InvitationState.MAIL_FAILED,
}


def find_invited_person(token: EnrollmentToken) -> Person:
    """Return whom the token invites; nobody in particular where it is no personal one."""
    if token.parent_id is None:
        return Person()
    invitation = Invitation.objects.filter(token=token).first()
    return Person(invitation.name, invitation.email) if invitation else Person()


def list_invitations(token: EnrollmentToken) -> QuerySet[Invitation]:
    """Return the token's, newest first, with what their state and their links take."""
    rows = join_tokens(Invitation.objects.filter(token__parent=token))
    return rows.annotate(has_started=HAS_STARTED)


def join_tokens(invitations: QuerySet[Invitation]) -> QuerySet[Invitation]:
    """Return them with what their links take."""
    return invitations.select_related(
        "token__parent",
        "token__organization",
        "token__signing_key",
        "token__group",
        "token__scep_profile",
    )


def get_invitation_state(invitation: Invitation, *, now: datetime) -> InvitationState:
    """Return how far the person is; many should come from list_invitations."""
    if invitation.enrolled_at is not None:
        return InvitationState.ENROLLED
    state = get_token_state(invitation.token, now=now)
    if state == TokenState.REVOKED or invitation.token.revoked_at is not None:
        return InvitationState.REVOKED
    if state == TokenState.EXPIRED:
        return InvitationState.EXPIRED
    # A use of the person's own is a device that has begun.
    if state == TokenState.EXHAUSTED and not invitation.token.use_count:
        return InvitationState.EXHAUSTED
    started = getattr(invitation, "has_started", None)
    if started or (started is None and invitation.token.sessions.exists()):
        return InvitationState.STARTED
    return MAIL_STATES[MailState(invitation.mail_state)]


def filter_invitations(
    rows: QuerySet[Invitation], *, state: InvitationState | str, now: datetime
) -> QuerySet[Invitation]:
    """Keep those in this state; `rows` come from list_invitations."""
    state = InvitationState(state)
    if state == InvitationState.ENROLLED:
        return rows.filter(enrolled_at__isnull=False)
    revoked = Q(token__revoked_at__isnull=False) | Q(token__parent__revoked_at__isnull=False)
    expired = Q(token__expires_at__lte=now)
    rows = rows.filter(enrolled_at=None)
    if state == InvitationState.REVOKED:
        return rows.filter(revoked)
    rows = rows.filter(token__revoked_at=None, token__parent__revoked_at=None)
    if state == InvitationState.EXPIRED:
        return rows.filter(expired)
    rows = rows.filter(Q(token__expires_at=None) | Q(token__expires_at__gt=now))
    used_up = Q(
        token__use_count=0,
        token__parent__max_uses__gt=0,
        token__parent__use_count__gte=F("token__parent__max_uses"),
    )
    if state == InvitationState.EXHAUSTED:
        return rows.filter(used_up)
    rows = rows.exclude(used_up)
    if state == InvitationState.STARTED:
        return rows.filter(HAS_STARTED)
    mail_states = [mail for mail, each in MAIL_STATES.items() if each == state]
    return rows.filter(~HAS_STARTED, mail_state__in=mail_states)
