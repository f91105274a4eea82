"""What the receivers have in common: an entry about a device, a step of its session."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from devices.models import Enrollment
from enrollment.models import LogEntry
from enrollment.protocol.funnel.steps import StepKind
from enrollment.services.log import write_entry
from enrollment.services.steps import record_step
from organization.protocol.caller import NOBODY, Caller


def record_now(
    session_id: str,
    kind: StepKind,
    *,
    caller: Caller = NOBODY,
    code: str = "",
    fail_info: int | None = None,
) -> None:
    """Write the step down as taken at this moment; `code` is that of its refusal."""
    record_step(session_id, kind, now=timezone.now(), caller=caller, code=code, fail_info=fail_info)


def write_device_entry(
    code: str, enrollment: Enrollment, *, message: str = "", detail: dict[str, Any] | None = None
) -> LogEntry:
    """Write an entry into the timeline of the enrollment's session and of its device."""
    return write_entry(
        code,
        message=message,
        session_id=enrollment.session_id,
        device_id=enrollment.device.public_id,
        detail=detail,
    )


def describe_end(end: datetime, *, days: int) -> str:
    """Return when something expires, or that it has; `days` are those that are left."""
    if end <= timezone.now():
        return f"expired on {end:%-d %b %Y}"
    return f"expires on {end:%-d %b %Y} ({days} day{'' if days == 1 else 's'} left)"
