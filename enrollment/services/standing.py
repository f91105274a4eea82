"""How a session stands, in the words that devices' statuses have."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from devices.models import Device, DeviceStatus
from enrollment.models import EnrollmentSession, SessionState
from enrollment.protocol.funnel.advice import Advice, advise, advise_on
from enrollment.protocol.funnel.diagnosis import Diagnosis
from enrollment.protocol.funnel.timeline import TimelineRow, build_timeline
from enrollment.selectors import list_absent, list_sessions
from enrollment.services.diagnosis import gather_facts
from enrollment.services.progress import (
    MANAGED,
    SessionProgress,
    get_session_progress,
    is_over,
)

# Counted no further, so that a million sessions are answered as fast.
SHOWN, MOST = 10, 999
OVER = (SessionState.FAILED, SessionState.EXPIRED)


@dataclass(frozen=True)
class Standing:
    """`status`: a DeviceStatus; `code` and `reason` say why it is no better, or are ""."""

    status: DeviceStatus
    code: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Account:
    """All that there is to tell of one session."""

    standing: Standing
    progress: SessionProgress
    timeline: list[TimelineRow]
    diagnosis: Diagnosis | None = None
    advice: Advice | None = None


@dataclass(frozen=True)
class AbsentSessions:
    """Enrollments without a device: how many of the newest MOST + 1 are which, and the newest."""

    pending: int = 0
    not_managed: int = 0
    rows: list[EnrollmentSession] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.pending + self.not_managed

    @property
    def has_more(self) -> bool:
        return self.total > MOST


def give_account(session: EnrollmentSession, *, now: datetime) -> Account:
    """Return the session's steps, standing and diagnosis; it comes as gather_facts wants it."""
    facts = gather_facts(session)
    progress = get_session_progress(session, now=now)
    diagnosis = progress.diagnosis
    return Account(
        standing=_judge(session, progress=progress, now=now),
        progress=progress,
        timeline=build_timeline(facts, diagnosis=diagnosis),
        diagnosis=diagnosis,
        advice=_find_advice(progress),
    )


def put_standings(sessions: Iterable[EnrollmentSession], *, now: datetime) -> None:
    """Put a `standing` on each row of a list; an enrolled session stands as its device does."""
    rows = list(sessions)
    ids = [row.device_id for row in rows if row.state == SessionState.ENROLLED]
    devices = Device.objects.filter(public_id__in=ids).values_list(
        "public_id", "status", "status_reason"
    )
    known = {
        public_id: Standing(DeviceStatus(status), "", why) for public_id, status, why in devices
    }
    for row in rows:
        if row.state == SessionState.ENROLLED:
            standing = known.get(row.device_id, Standing(DeviceStatus.UNENROLLED))
        else:
            progress = get_session_progress(row, now=now)
            standing = _judge(row, progress=progress, now=now)
        row.standing = standing  # type: ignore[attr-defined]


def find_absent_sessions(status: str, *, now: datetime) -> AbsentSessions:
    """Return what stands beside the devices of a status, "" for all: nothing beside most."""
    kinds = (DeviceStatus.PENDING, DeviceStatus.NOT_MANAGED)
    if status and status not in kinds:
        return AbsentSessions()
    newest = list_absent(EnrollmentSession.objects.all(), now=now, status=status)
    ends = newest.order_by("-created_at").values_list("state", "expires_at")[: MOST + 1]
    over = [state in OVER or expires_at <= now for state, expires_at in ends]
    if not over:
        return AbsentSessions()
    rows = list(
        list_absent(list_sessions(), now=now, status=status).order_by("-created_at")[:SHOWN]
    )
    put_standings(rows, now=now)
    return AbsentSessions(pending=over.count(False), not_managed=over.count(True), rows=rows)


def _judge(session: EnrollmentSession, *, progress: SessionProgress, now: datetime) -> Standing:
    code = progress.diagnosis.code if progress.diagnosis else progress.code
    advice = _find_advice(progress)
    reason = advice.title if advice and code else ""
    return Standing(_find_status(session, progress=progress, now=now), code, reason)


def _find_status(
    session: EnrollmentSession, *, progress: SessionProgress, now: datetime
) -> DeviceStatus:
    if session.state == SessionState.ENROLLED:
        return _find_enrolled_status(progress)
    has_failed = session.state == SessionState.FAILED or is_over(session, now=now)
    return DeviceStatus.NOT_MANAGED if has_failed else DeviceStatus.PENDING


def _find_enrolled_status(progress: SessionProgress) -> DeviceStatus:
    if progress.state == MANAGED:
        return DeviceStatus.MANAGED
    if progress.code == "device_checked_out":
        return DeviceStatus.UNENROLLED
    is_gone = progress.state == SessionState.FAILED and progress.code != "policy_item_failed"
    return DeviceStatus.NOT_MANAGED if is_gone else DeviceStatus.ENROLLED


def _find_advice(progress: SessionProgress) -> Advice | None:
    if progress.diagnosis is not None:
        return advise_on(progress.diagnosis)
    return advise(progress.code) if progress.code else None
