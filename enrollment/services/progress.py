"""How far a session is, put together from the session, its device and the device's policies."""

from dataclasses import dataclass
from datetime import datetime

from devices.models import Device, DeviceStatus
from enrollment.models import EnrollmentSession, SessionState
from enrollment.protocol.funnel.diagnosis import Diagnosis, Kind, diagnose
from enrollment.protocol.funnel.facts import Facts
from enrollment.services.diagnosis import (
    build_enrolled_facts,
    gather_facts,
    get_device_code,
    list_steps,
)
from policies.selectors import get_progress as get_policy_progress

MANAGED = "managed"
EXPIRED_CODE = "session_expired"


@dataclass(frozen=True)
class SessionProgress:
    """`state` is a SessionState value or `managed`; `code` says what went wrong, or is "".

    `diagnosis` is what stands behind the code, and stays after the session's hour is over.
    """

    state: str
    installed: int = 0
    total: int = 0
    code: str = ""
    diagnosis: Diagnosis | None = None

    @property
    def is_final(self) -> bool:
        return self.state in (MANAGED, SessionState.FAILED, SessionState.EXPIRED)

    @property
    def awaits_approval(self) -> bool:
        """Whether it goes on once an administrator has decided."""
        return self.diagnosis is not None and self.diagnosis.kind == Kind.WAITING


def get_session_progress(session: EnrollmentSession, *, now: datetime) -> SessionProgress:
    """Return the state that the person's page shows; changes nothing."""
    if session.state == SessionState.ENROLLED:
        return _get_device_progress(session, now=now)
    diagnosis = diagnose(gather_facts(session), now=now)
    if session.state == SessionState.FAILED or _has_failed(diagnosis):
        code = diagnosis.code if diagnosis else session.failure_code
        return SessionProgress(SessionState.FAILED, code=code, diagnosis=diagnosis)
    if is_over(session, now=now):
        return SessionProgress(SessionState.EXPIRED, code=EXPIRED_CODE, diagnosis=diagnosis)
    code = diagnosis.code if diagnosis else ""
    return SessionProgress(session.state, code=code, diagnosis=diagnosis)


def is_over(session: EnrollmentSession, *, now: datetime) -> bool:
    """Whether the session's hour has passed without a device."""
    if session.state in (SessionState.ENROLLED, SessionState.AUTHENTICATED):
        return False
    return session.state == SessionState.EXPIRED or session.expires_at <= now


def _get_device_progress(session: EnrollmentSession, *, now: datetime) -> SessionProgress:
    device = Device.objects.filter(public_id=session.device_id).first()
    code = get_device_code(device)
    if device is None or code:
        diagnosis = diagnose(Facts(list_steps(session), device_code=code), now=now)
        return SessionProgress(SessionState.FAILED, code=code, diagnosis=diagnosis)
    items = get_policy_progress(device)
    if device.status == DeviceStatus.MANAGED:
        return SessionProgress(MANAGED, items.installed, items.total)
    diagnosis = diagnose(build_enrolled_facts(session, items=items), now=now)
    state = SessionState.FAILED if _has_failed(diagnosis) else SessionState.ENROLLED
    code = diagnosis.code if diagnosis else ""
    return SessionProgress(state, items.installed, items.total, code=code, diagnosis=diagnosis)


def _has_failed(diagnosis: Diagnosis | None) -> bool:
    return diagnosis is not None and diagnosis.kind == Kind.FAILED
