"""People are invited: each gets a token of their own, made from the one they are invited with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from enrollment.errors import InvitationRefused
from enrollment.models import EnrollmentToken, Invitation, MailState, TokenSigningKey, TokenState
from enrollment.protocol.invitation_list import MAX_PEOPLE, InvitedPerson
from enrollment.protocol.languages import LANGUAGES
from enrollment.selectors import get_token_state
from enrollment.services.child_tokens import build_child_token
from enrollment.services.tokens import check_token, get_signing_key, revoke_token
from enrollment.signals import mail_requested
from organization.services import audit

BATCH = 500
NO_MAIL_SERVER = "No mail server is set: see GUARDMDM_EMAIL_URL."


@dataclass(frozen=True)
class Invited:
    """`known` people had a living invitation of this token already and got no other."""

    invited: int
    known: int


@transaction.atomic
def invite_people(
    token: EnrollmentToken,
    *,
    people: Sequence[InvitedPerson],
    language: str,
    send_mail: bool,
    actor: str,
) -> Invited:
    """Make a one-time link for each person, and ask for its mail; audited.

    `language` is for those who name none. Raises InvitationRefused, TokenRefused unless the token
    is active, and NotReady without a signing key.
    """
    now = timezone.now()
    # Two lists at once must not invite the same person twice.
    token = EnrollmentToken.objects.select_for_update().get(pk=token.pk)
    _check(token, people=people, language=language, send_mail=send_mail, now=now)
    invited = {email.lower() for email in _list_living(token).values_list("email", flat=True)}
    new = [person for person in people if person.email.lower() not in invited]
    key = get_signing_key()
    for start in range(0, len(new), BATCH):
        _invite(
            token,
            people=new[start : start + BATCH],
            signing_key=key,
            language=language,
            mail_requested_at=now if send_mail else None,
            actor=actor,
        )
    if new:
        detail = {"invited": len(new), "mailed": send_mail}
        audit.record(
            actor, action="token.invite", subject_id=token.jti, subject=token.name, detail=detail
        )
    if new and send_mail:
        mail_requested.send(Invitation)
    return Invited(len(new), len(people) - len(new))


@transaction.atomic
def request_mail(invitation: Invitation, *, actor: str) -> None:
    """Have the person's mail sent, or sent again; raises InvitationRefused."""
    _check_mail_server()
    state = get_token_state(invitation.token, now=timezone.now())
    if state != TokenState.ACTIVE:
        raise InvitationRefused(f"The link of “{invitation}” is dead ({state.label.lower()}).")
    _queue(Invitation.objects.filter(pk=invitation.pk))
    _record("invitation.mail", invitation, actor=actor)
    mail_requested.send(Invitation)


@transaction.atomic
def request_failed_mails(token: EnrollmentToken, *, actor: str) -> int:
    """Have every mail of the token sent again that could not be sent; returns how many."""
    _check_mail_server()
    failed = Invitation.objects.filter(
        token__parent=token, token__revoked_at=None, mail_state=MailState.FAILED, enrolled_at=None
    )
    number = _queue(failed)
    if number:
        detail = {"mails": number}
        audit.record(
            actor, action="token.mail", subject_id=token.jti, subject=token.name, detail=detail
        )
        mail_requested.send(Invitation)
    return number


@transaction.atomic
def revoke_invitation(invitation: Invitation, *, actor: str) -> None:
    """From the next request on the person's link is dead; a mail that waits is not sent."""
    revoke_token(invitation.token, actor=actor)
    Invitation.objects.filter(pk=invitation.pk, mail_state=MailState.QUEUED).update(
        mail_state=MailState.NONE, updated_at=timezone.now()
    )
    _record("invitation.revoke", invitation, actor=actor)


def note_enrolled(token_id: str, *, device_id: str, now: datetime) -> None:
    """Note on the invitation behind a token (its `jti`) which device has come by it."""
    Invitation.objects.filter(token__jti=token_id, enrolled_at=None).update(
        device_id=device_id, enrolled_at=now, updated_at=now
    )


def can_send_mail() -> bool:
    return bool(settings.EMAIL_HOST)


def _check_mail_server() -> None:
    if not can_send_mail():
        raise InvitationRefused(NO_MAIL_SERVER)


def _check(
    token: EnrollmentToken,
    *,
    people: Sequence[InvitedPerson],
    language: str,
    send_mail: bool,
    now: datetime,
) -> None:
    if token.parent_id is not None:
        raise InvitationRefused("A personal link invites nobody else.")
    if language not in LANGUAGES:
        raise InvitationRefused(f"The language must be one of {', '.join(LANGUAGES)}.")
    if not 0 < len(people) <= MAX_PEOPLE:
        raise InvitationRefused(f"A list names 1 to {MAX_PEOPLE} people.")
    if send_mail:
        _check_mail_server()
    check_token(token, now=now)


def _list_living(token: EnrollmentToken) -> QuerySet[Invitation]:
    return Invitation.objects.filter(token__parent=token, token__revoked_at=None)


def _invite(
    parent: EnrollmentToken,
    *,
    people: Sequence[InvitedPerson],
    signing_key: TokenSigningKey,
    language: str,
    mail_requested_at: datetime | None,
    actor: str,
) -> None:
    # The name in the link is the token's: whoever reads the link learns nothing of the person.
    tokens = [
        build_child_token(
            parent,
            signing_key=signing_key,
            name=parent.name,
            expires_at=parent.expires_at,
            actor=actor,
        )
        for _person in people
    ]
    EnrollmentToken.objects.bulk_create(tokens)
    Invitation.objects.bulk_create(
        Invitation(
            token=token,
            name=person.name,
            email=person.email,
            language=person.language or language,
            mail_state=MailState.QUEUED if mail_requested_at else MailState.NONE,
            mail_requested_at=mail_requested_at,
            mail_due_at=mail_requested_at,
        )
        for token, person in zip(tokens, people, strict=True)
    )


def _queue(invitations: QuerySet[Invitation]) -> int:
    now = timezone.now()
    waiting = (MailState.QUEUED, MailState.SENDING)
    return invitations.exclude(mail_state__in=waiting).update(
        mail_state=MailState.QUEUED,
        mail_requested_at=now,
        mail_due_at=now,
        mail_attempts=0,
        mail_error="",
        updated_at=now,
    )


def _record(action: str, invitation: Invitation, *, actor: str) -> None:
    audit.record(
        actor, action=action, subject_id=invitation.public_id, subject=invitation.email[:200]
    )
