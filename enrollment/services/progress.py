"""How far a session is, put together from the session, its device and the device's policies."""

from dataclasses import dataclass
from datetime import datetime

from devices.models import Device, DeviceStatus
from enrollment.models import EnrollmentSession, SessionState
from policies.selectors import get_progress as get_policy_progress

MANAGED = "managed"
GONE = {
    DeviceStatus.UNENROLLED: "device_checked_out",
    DeviceStatus.NOT_MANAGED: "certificate_not_issued",
}


@dataclass(frozen=True)
class SessionProgress:
    """`state` is a SessionState value or `managed`; `code` says what went wrong, or is ""."""

    state: str
    installed: int = 0
    total: int = 0
    code: str = ""

    @property
    def is_final(self) -> bool:
        return self.state in (MANAGED, SessionState.FAILED, SessionState.EXPIRED)


def get_session_progress(session: EnrollmentSession, *, now: datetime) -> SessionProgress:
    """Return the state that the person's page shows; changes nothing."""
    if session.state == SessionState.ENROLLED:
        return _get_device_progress(session)
    if session.state == SessionState.FAILED:
        return SessionProgress(SessionState.FAILED, code=session.failure_code)
    is_over = session.state != SessionState.AUTHENTICATED and session.expires_at <= now
    if is_over or session.state == SessionState.EXPIRED:
        return SessionProgress(SessionState.EXPIRED, code="session_expired")
    is_silent = (
        session.silent_reported_at is not None and session.state != SessionState.AUTHENTICATED
    )
    return SessionProgress(session.state, code="enrollment_silent" if is_silent else "")


def _get_device_progress(session: EnrollmentSession) -> SessionProgress:
    device = Device.objects.filter(public_id=session.device_id).first()
    if device is None:
        return SessionProgress(SessionState.FAILED, code="device_checked_out")
    if device.status in GONE:
        return SessionProgress(SessionState.FAILED, code=GONE[DeviceStatus(device.status)])
    items = get_policy_progress(device)
    if device.status == DeviceStatus.MANAGED:
        return SessionProgress(MANAGED, items.installed, items.total)
    if items.failed and not items.pending:
        return SessionProgress(
            SessionState.FAILED, items.installed, items.total, code="policy_item_failed"
        )
    return SessionProgress(SessionState.ENROLLED, items.installed, items.total)
