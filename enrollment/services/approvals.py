"""Hold for approval: an administrator decides about each device of a token.

Where our CA issues by SCEP, the request for the certificate waits (scep.services.held_requests). An
external server holds nothing back for us and a PKCS#12 is not asked for: there the session waits,
before there is a profile to download.
"""

from datetime import datetime

from django.db import transaction

from enrollment.errors import SessionDecided, SessionRefused
from enrollment.models import EnrollmentSession
from enrollment.protocol.funnel.rules import get_silence
from enrollment.protocol.funnel.steps import StepKind
from enrollment.selectors import is_held_at_page
from enrollment.services.log import write_entry
from enrollment.services.sessions import LIFETIME, fail_session
from organization.services import audit
from scep.models import HeldRequest, HeldRequestState

REJECTED = "enrollment_rejected"
PENDING = "approval_pending"


@transaction.atomic
def approve_session(session: EnrollmentSession, *, actor: str, now: datetime) -> None:
    """Let the person download the profile, within an hour from now; audited.

    Raises SessionDecided where it does not wait (any more).
    """
    _decide(session, approval=HeldRequestState.APPROVED, actor=actor, now=now)
    EnrollmentSession.objects.filter(pk=session.pk).update(
        expires_at=now + LIFETIME, due_at=now + get_silence(StepKind.PAGE_OPENED)
    )
    session.refresh_from_db()
    write_entry("enrollment_approved", session=session)


@transaction.atomic
def reject_session(session: EnrollmentSession, *, actor: str, now: datetime) -> None:
    """Refuse the person the profile for good; audited. Raises SessionDecided."""
    _decide(session, approval=HeldRequestState.REJECTED, actor=actor, now=now)
    fail_session(session.public_id, code=REJECTED)
    session.refresh_from_db()
    write_entry(REJECTED, session=session)


def check_approved(session: EnrollmentSession) -> None:
    """Raise SessionRefused unless the session need not wait at the page, or has been approved."""
    token = session.token
    if session.approval == HeldRequestState.REJECTED:
        raise SessionRefused(REJECTED, "an administrator has rejected it", token_id=token.jti)
    if is_held_at_page(token) and session.approval != HeldRequestState.APPROVED:
        raise SessionRefused(PENDING, "no administrator has decided yet", token_id=token.jti)


def check_certificate_approved(session: EnrollmentSession, *, certificate_sha256: str) -> None:
    """Raise SessionRefused unless the certificate came by an approved request, where it must."""
    check_approved(session)
    if not session.token.hold_for_approval or is_held_at_page(session.token):
        return
    approved = HeldRequest.objects.filter(
        certificate__fingerprint=certificate_sha256, state=HeldRequestState.APPROVED
    )
    if not approved.exists():
        raise SessionRefused(
            PENDING, "no administrator has approved the certificate", token_id=session.token.jti
        )


def _decide(
    session: EnrollmentSession, *, approval: HeldRequestState, actor: str, now: datetime
) -> None:
    decided = EnrollmentSession.objects.filter(
        pk=session.pk, approval=HeldRequestState.PENDING, expires_at__gt=now
    ).update(approval=approval, decided_at=now, decided_by=actor[:200], updated_at=now)
    if not decided:
        raise SessionDecided("session_decided", "The enrollment does not wait for approval.")
    is_approved = approval == HeldRequestState.APPROVED
    audit.record(
        actor,
        action="session.approve" if is_approved else "session.reject",
        subject_id=session.public_id,
        subject=session.token.name,
    )
