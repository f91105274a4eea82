"""Mails with invitations are sent: each once, tried again while the mail server is in the way.

What waits stands in the rows; a task that was lost is made up for by the sweep. A mail is claimed
by a conditional UPDATE right before it is handed over, so however many workers send, one does.
"""

import logging
from datetime import datetime, timedelta
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused, SMTPResponseException
from typing import Any

from django.core.mail import BadHeaderError, get_connection
from django.db.models import F, QuerySet
from django.utils import timezone

from enrollment.models import Invitation, MailState, TokenState
from enrollment.selectors import get_token_state, join_tokens
from enrollment.services.invitation_mail import build_mail, put_on_one_line
from enrollment.services.invitations import can_send_mail

logger = logging.getLogger(__name__)
# Small: the worker that sends has other work too.
BATCH = 50
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720))
# Longer than any SMTP dialogue: whoever claimed a mail so long ago is gone.
INTERRUPTED_AFTER = timedelta(minutes=15)
INTERRUPTED = "The server was stopped while it sent this mail: it may have arrived."
DEAD_LINK = "The link was dead before the mail was sent."


def send_due_mails(*, now: datetime) -> int:
    """Send one batch of what is due, on one connection; returns how many were looked at."""
    if not can_send_mail():
        return 0
    _give_up_interrupted(now=now)
    due = list(_list_due(now=now)[:BATCH])
    if not due:
        return 0
    connection: Any = get_connection()
    try:
        connection.open()
    except (SMTPException, OSError) as error:
        logger.warning("The mail server is out of reach: %s", describe_failure(error))
        _put_off([row.pk for row in due], error=error, now=now)
        return 0
    try:
        for invitation in due:
            _send(invitation, connection=connection)
    finally:
        connection.close()
    return len(due)


def describe_failure(error: Exception) -> str:
    """Say what the mail server, or the way to it, has answered; no address, no secret."""
    code: int
    text: bytes | str
    if isinstance(error, SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()), (0, b""))
    elif isinstance(error, SMTPResponseException):
        code, text = error.smtp_code, error.smtp_error
    else:
        return f"{type(error).__name__}: {error}"[:300]
    said = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return f"{code} {put_on_one_line(said)}"[:300]


def _list_due(*, now: datetime) -> QuerySet[Invitation]:
    rows = Invitation.objects.filter(mail_state=MailState.QUEUED, mail_due_at__lte=now)
    return join_tokens(rows).order_by("mail_due_at")


def _send(invitation: Invitation, *, connection: Any) -> None:
    now = timezone.now()
    claim = Invitation.objects.filter(pk=invitation.pk, mail_state=MailState.QUEUED)
    if not claim.update(
        mail_state=MailState.SENDING, mail_claimed_at=now, mail_attempts=F("mail_attempts") + 1
    ):
        return
    if get_token_state(invitation.token, now=now) != TokenState.ACTIVE:
        _finish(invitation, mail_state=MailState.FAILED, mail_error=DEAD_LINK)
        return
    try:
        connection.send_messages([build_mail(invitation)])
    except (SMTPException, OSError) as error:
        _note_failure(invitation, error=error, connection=connection)
    except (BadHeaderError, ValueError) as error:  # what Django finds in an address or a header
        _finish(invitation, mail_state=MailState.FAILED, mail_error=describe_failure(error))
    else:
        _finish(invitation, mail_state=MailState.SENT, mailed_at=timezone.now(), mail_error="")


def _note_failure(invitation: Invitation, *, error: Exception, connection: Any) -> None:
    attempts = invitation.mail_attempts + 1
    if _is_final(error) or attempts > len(PAUSES):
        _finish(invitation, mail_state=MailState.FAILED, mail_error=describe_failure(error))
    else:
        _finish(
            invitation,
            mail_state=MailState.QUEUED,
            mail_due_at=timezone.now() + PAUSES[attempts - 1],
            mail_error=describe_failure(error),
        )
    # What was said last may be half a dialogue: the next mail begins on a fresh connection.
    connection.close()


def _is_final(error: Exception) -> bool:
    """A reply of 5xx to this mail stays one (RFC 5321, 4.2.1); one to our sign-in may be mended."""
    if isinstance(error, SMTPRecipientsRefused):
        return all(500 <= code < 600 for code, _text in error.recipients.values())
    return isinstance(error, SMTPDataError) and 500 <= error.smtp_code < 600


def _finish(invitation: Invitation, **facts: Any) -> None:
    claimed = Invitation.objects.filter(pk=invitation.pk, mail_state=MailState.SENDING)
    claimed.update(**facts, updated_at=timezone.now())


def _put_off(keys: list[int], *, error: Exception, now: datetime) -> None:
    """All wait for the same server: one pause for all, told on each."""
    for attempts, pause in enumerate(PAUSES):
        rows = Invitation.objects.filter(pk__in=keys, mail_state=MailState.QUEUED)
        rows.filter(mail_attempts=attempts, mail_due_at__lte=now).update(
            mail_due_at=now + pause,
            mail_attempts=attempts + 1,
            mail_error=describe_failure(error),
            updated_at=now,
        )
    Invitation.objects.filter(
        pk__in=keys, mail_state=MailState.QUEUED, mail_due_at__lte=now
    ).update(mail_state=MailState.FAILED, mail_error=describe_failure(error), updated_at=now)


def _give_up_interrupted(*, now: datetime) -> None:
    """Whether such a mail went out nobody knows; it is not sent twice unless somebody asks."""
    Invitation.objects.filter(
        mail_state=MailState.SENDING, mail_claimed_at__lte=now - INTERRUPTED_AFTER
    ).update(mail_state=MailState.FAILED, mail_error=INTERRUPTED, updated_at=now)
