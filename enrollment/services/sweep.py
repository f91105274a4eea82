"""What no message tells: sessions that went silent, sessions whose hour is over."""

from datetime import datetime

from django.db import transaction

from enrollment.models import EnrollmentSession, SessionState
from enrollment.protocol.funnel.advice import STEP_TITLES
from enrollment.protocol.funnel.diagnosis import Diagnosis, Kind, diagnose, find_deadline
from enrollment.protocol.funnel.facts import Facts
from enrollment.protocol.log_codes import get_log_code
from enrollment.services.diagnosis import gather_facts
from enrollment.services.log import write_entry
from enrollment.services.progress import is_over

BATCH = 500
ENDED = (SessionState.ENROLLED, SessionState.EXPIRED)


def sweep_due_sessions(*, now: datetime) -> int:
    """Log silences, end sessions whose hour is over, and note when to look again; returns how many.

    A session is due when silence may mean something, so that none is looked at in vain. Each
    silence is logged once: the conditional UPDATE decides, however many sweeps run at a time.
    """
    due = (
        EnrollmentSession.objects.filter(due_at__lte=now)
        .select_related("token__scep_profile", "token__organization")
        .prefetch_related("steps")
        .order_by("due_at")
    )
    sessions = list(due[:BATCH])
    for session in sessions:
        _look_at(session, now=now)
    return len(sessions)


@transaction.atomic
def _look_at(session: EnrollmentSession, *, now: datetime) -> None:
    facts = gather_facts(session)
    diagnosis = diagnose(facts, now=now)
    if diagnosis is not None and diagnosis.kind == Kind.SILENT:
        _report(session, diagnosis)
    ends = is_over(session, now=now)
    if ends:
        EnrollmentSession.objects.filter(pk=session.pk).exclude(state__in=ENDED).exclude(
            state__in=(SessionState.AUTHENTICATED, SessionState.FAILED)
        ).update(state=SessionState.EXPIRED, updated_at=now)
    following = None if ends else _find_following(session, facts=facts, now=now)
    # Unless a step has been recorded meanwhile, which knows better.
    EnrollmentSession.objects.filter(pk=session.pk, due_at=session.due_at).update(due_at=following)


def _find_following(session: EnrollmentSession, *, facts: Facts, now: datetime) -> datetime | None:
    """Return when to look again: at the next deadline, else at the session's end."""
    deadline = find_deadline(facts)
    if deadline is not None and deadline > now:
        return deadline
    has_end = session.state not in (SessionState.ENROLLED, SessionState.AUTHENTICATED)
    return session.expires_at if has_end else None


def _report(session: EnrollmentSession, diagnosis: Diagnosis) -> None:
    is_first = (
        EnrollmentSession.objects.filter(pk=session.pk)
        .exclude(reported_code=diagnosis.code)
        .update(reported_code=diagnosis.code)
    )
    if is_first and diagnosis.silence is not None:
        seconds = int(diagnosis.silence.total_seconds())
        write_entry(
            diagnosis.code,
            message=f"{get_log_code(diagnosis.code).title}; missing: {STEP_TITLES[diagnosis.step]}",
            session=session,
            detail={"step": diagnosis.step.value, "silent_seconds": seconds},
        )
