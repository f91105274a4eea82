"""What is wrong with a session, worked out whenever somebody asks: nothing of it is stored."""

from devices.models import Device, DeviceStatus, Enrollment
from devices.services.status import IDENTITY_EXPIRED, IDENTITY_REVOKED
from enrollment.models import EnrollmentSession, LogEntry, SessionState, SessionStep
from enrollment.protocol.funnel.advice import Advice, advise
from enrollment.protocol.funnel.facts import Facts, Step, Way
from enrollment.protocol.funnel.steps import StepKind
from enrollment.services.root_trust import is_root_trust_needed
from policies.selectors import Progress
from policies.selectors import get_progress as get_policy_progress
from scep.models import HeldRequestState, ScepProfile

SILENT_REASON = "device_silent"


def gather_facts(session: EnrollmentSession) -> Facts:
    """Return what is known; the session comes with its token, SCEP profile and organization.

    Its steps may be prefetched. Only an enrolled session's device is asked for.
    """
    if session.state == SessionState.ENROLLED:
        return _gather_enrolled(session)
    steps = list_steps(session)
    scep_profile = session.token.scep_profile
    is_failed = session.state == SessionState.FAILED
    return Facts(
        steps=steps,
        way=_get_way(scep_profile),
        is_own_root=_is_own_root(session, steps=steps),
        scep_trouble=scep_profile.check_code if scep_profile else "",
        failure_code=session.failure_code if is_failed else "",
        awaits_approval=session.approval == HeldRequestState.PENDING,
        approved_at=session.decided_at if session.approval == HeldRequestState.APPROVED else None,
    )


def list_steps(session: EnrollmentSession) -> tuple[Step, ...]:
    """Return the session's steps in the order in which they were last taken."""
    rows: list[SessionStep] = list(session.steps.all())
    return tuple(
        Step(
            kind=StepKind(row.kind),
            first_at=row.first_at,
            last_at=row.last_at,
            count=row.count,
            code=row.code,
            fail_info=row.fail_info,
            remote_address=row.remote_address,
            user_agent=row.user_agent,
        )
        for row in rows
    )


def get_advice(entry: LogEntry) -> Advice:
    """Return what a log entry means; of SCEP's refusals, by the failInfo that was sent."""
    fail_info = entry.detail.get("fail_info")
    return advise(entry.code, fail_info=fail_info if isinstance(fail_info, int) else None)


def get_device_code(device: Device | None) -> str:
    """Return the log code of why an enrolled session's device is not managed, or ""."""
    if device is None or device.status == DeviceStatus.UNENROLLED:
        return "device_checked_out"
    if device.status != DeviceStatus.NOT_MANAGED:
        return ""
    if device.status_reason == IDENTITY_REVOKED:
        return "identity_revoked"
    if device.status_reason == IDENTITY_EXPIRED:
        return "identity_not_trusted"
    return SILENT_REASON if device.status_reason else "certificate_not_issued"


def _gather_enrolled(session: EnrollmentSession) -> Facts:
    device = Device.objects.filter(public_id=session.device_id).first()
    code = get_device_code(device)
    if device is None or code:
        return Facts(steps=list_steps(session), device_code=code)
    is_managed = device.status == DeviceStatus.MANAGED
    items = None if is_managed else get_policy_progress(device)
    return build_enrolled_facts(session, items=items)


def build_enrolled_facts(session: EnrollmentSession, *, items: Progress | None) -> Facts:
    """Return the facts of a session whose device is there; `items` None: all are applied."""
    enrollment = Enrollment.objects.filter(session_id=session.public_id).only("push_error").last()
    return Facts(
        steps=list_steps(session),
        push_error=enrollment.push_error if enrollment else "",
        is_managed=items is None,
        items_failed=items.failed if items else 0,
        items_pending=items.pending if items else 0,
    )


def _get_way(scep_profile: ScepProfile | None) -> Way:
    if scep_profile is None:
        return Way.PACKED
    return Way.EXTERNAL if scep_profile.is_external else Way.SCEP


def _is_own_root(session: EnrollmentSession, *, steps: tuple[Step, ...]) -> bool:
    """Asked for only where it makes a difference: nothing but the download has been seen."""
    has_come = any(
        step.kind not in (StepKind.PAGE_OPENED, StepKind.PROFILE_DOWNLOADED) for step in steps
    )
    return not has_come and is_root_trust_needed(session.token.organization)
