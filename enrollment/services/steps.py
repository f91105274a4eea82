"""The record of a session's steps: one statement each, by whoever knows that it was taken.

Another one says when the sweep is to look whether anything has followed.
"""

from datetime import datetime

from django.db import DEFAULT_DB_ALIAS, connections

from enrollment.models import EnrollmentSession, SessionState, SessionStep
from enrollment.protocol.funnel.rules import get_silence
from enrollment.protocol.funnel.steps import SCEP_STEPS, StepKind
from organization.models import Given, PreparedUpdate
from organization.models.statement import Statement, adapt_moment
from organization.protocol.caller import NOBODY, Caller

# A session's id becomes its key, and an unknown one nothing, in the same statement. What the
# device does with SCEP once it is enrolled is a renewal, and no step of its enrollment.
RECORD = Statement(
    "INSERT INTO enrollment_sessionstep (session_id, kind, first_at, last_at, count,"
    " remote_address, user_agent, code, fail_info)"
    " SELECT id, %s, %s, %s, 1, %s, %s, %s, %s FROM enrollment_enrollmentsession"
    " WHERE public_id = %s AND state <> %s"
    " ON CONFLICT (session_id, kind) DO UPDATE SET last_at = excluded.last_at,"
    " count = enrollment_sessionstep.count + 1, remote_address = excluded.remote_address,"
    " user_agent = excluded.user_agent, code = excluded.code, fail_info = excluded.fail_info"
    " WHERE enrollment_sessionstep.count < %s"
)

WATCH = PreparedUpdate(
    lambda: EnrollmentSession.objects.filter(public_id=Given("session_id")), due_at=Given("due_at")
)
# The last step; and the one of a certificate, which services.sessions.advance_session watches.
UNWATCHED = (StepKind.PKI_OPERATION, StepKind.ITEMS_APPLIED)


def record_step(
    session_id: str,
    kind: StepKind,
    *,
    now: datetime,
    caller: Caller = NOBODY,
    code: str = "",
    fail_info: int | None = None,
) -> bool:
    """Note that the session has come to a step, or again; returns whether it was noted.

    `code`: the log code of why it was refused, "" where it went well. An unknown session, an
    endless repetition, and SCEP after the enrollment leave no trace.
    """
    if not session_id:
        return False
    connection = connections[DEFAULT_DB_ALIAS]
    moment = adapt_moment(now, connection)
    values = [kind.value, moment, moment, caller.address, caller.agent, code, fail_info]
    closed = SessionState.ENROLLED.value if kind in SCEP_STEPS else ""
    is_noted = bool(RECORD.run(connection, [*values, session_id, closed, SessionStep.MOST]))
    if is_noted and (code or kind not in UNWATCHED):
        WATCH.run(session_id=session_id, due_at=now + get_silence(kind))
    return is_noted


def record_refused_message(
    session_id: str, *, code: str, now: datetime, caller: Caller
) -> StepKind | None:
    """Note a check-in message that was refused, and return the step that it was.

    What an enrolled device sends is none.
    """
    if not session_id:
        return None
    session = EnrollmentSession.objects.filter(public_id=session_id).only("state").first()
    if session is None or session.state == SessionState.ENROLLED:
        return None
    has_begun = session.state == SessionState.AUTHENTICATED
    kind = StepKind.TOKEN_UPDATE if has_begun else StepKind.AUTHENTICATE
    record_step(session_id, kind, now=now, caller=caller, code=code)
    return kind
