"""What devices do and what becomes of them: in the log and on the session."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from devices import signals as devices
from devices.models import Command, Device, Enrollment, Group, PushCertificate
from enrollment.models import EnrollmentSession, SessionState
from enrollment.protocol.funnel.steps import StepKind
from enrollment.receivers.entries import describe_end, record_now, write_device_entry
from enrollment.services.invitations import note_enrolled
from enrollment.services.log import write_entry
from enrollment.services.refused_messages import write_refused_message
from enrollment.services.sessions import advance_session, fail_session, link_device
from enrollment.services.steps import record_refused_message, record_step
from enrollment.services.token_texts import find_challenged_session
from enrollment.services.tokens import release_group
from organization.protocol.caller import NOBODY, Caller
from scep.models import IssuedCertificate


@receiver(devices.device_authenticated)
def log_authenticated(enrollment: Enrollment, caller: Caller = NOBODY, **_: Any) -> None:
    link_device(enrollment.session_id, device_id=enrollment.device.public_id)
    record_now(enrollment.session_id, StepKind.AUTHENTICATE, caller=caller)
    write_device_entry("device_authenticated", enrollment)


@receiver(devices.device_enrolled)
def log_enrolled(enrollment: Enrollment, renewed: bool, caller: Caller = NOBODY, **_: Any) -> None:
    record_now(enrollment.session_id, StepKind.TOKEN_UPDATE, caller=caller)
    advance_session(
        enrollment.session_id,
        state=SessionState.ENROLLED,
        device_id=enrollment.device.public_id,
    )
    entry = write_device_entry("device_enrolled", enrollment, detail={"renewed": renewed})
    if entry.token is not None and entry.token.parent_id is not None:
        note_enrolled(entry.token.jti, device_id=entry.device_id, now=entry.created_at)


@receiver(devices.device_connected)
def note_connection(enrollment: Enrollment, caller: Caller, now: datetime, **_: Any) -> None:
    record_step(enrollment.session_id, StepKind.FIRST_COMMAND, now=now, caller=caller)


@receiver(devices.device_reenrolled)
def log_reenrolled(enrollment: Enrollment, before: Enrollment, **_: Any) -> None:
    """The device's new group, where it changes, is in its row already."""
    detail = {"enrollment": enrollment.public_id, "before": before.public_id}
    message = _word_return(enrollment, before=before)
    write_device_entry("device_reenrolled", enrollment, message=message, detail=detail)


@receiver(devices.device_checked_out)
def log_checked_out(enrollment: Enrollment, **_: Any) -> None:
    write_device_entry("device_checked_out", enrollment)


@receiver(devices.device_deleted)
def log_deleted(device: Device, session_id: str, actor: str, **_: Any) -> None:
    """Its other entries name it by its id alone from now on; this one says who that was."""
    numbers = f"serial number {device.serial_number or 'unknown'}, UDID {device.udid}"
    write_entry(
        "device_deleted",
        message=f"{device}: deleted by {actor[:100]} ({numbers})",
        session_id=session_id,
        device_id=device.public_id,
        detail={"serial_number": device.serial_number, "udid": device.udid, "name": device.name},
    )


@receiver(devices.device_fell_silent)
def log_silence(enrollment: Enrollment, message: str, **_: Any) -> None:
    write_device_entry("device_silent", enrollment, message=message)


@receiver(devices.identity_renewed)
def log_renewal(enrollment: Enrollment, certificate: IssuedCertificate, **_: Any) -> None:
    detail = {"certificate": certificate.public_id, "serial": certificate.serial}
    write_device_entry("identity_renewed", enrollment, detail=detail)


@receiver(devices.renewal_failed)
def log_renewal_failure(enrollment: Enrollment, message: str, **_: Any) -> None:
    detail = {"attempt": enrollment.renewal_attempts}
    write_device_entry("renewal_failed", enrollment, message=message, detail=detail)


@receiver(devices.recovery_key_lost)
def log_lost_recovery_key(enrollment: Enrollment, command: Command, **_: Any) -> None:
    write_device_entry("recovery_key_lost", enrollment, detail={"command": command.public_id})


@receiver(devices.device_message_refused)
def log_device_refusal(
    code: str,
    message: str,
    udid: str,
    session_id: str,
    detail: dict[str, Any],
    caller: Caller = NOBODY,
    challenge: str = "",
    **_: Any,
) -> None:
    now = timezone.now()
    session_id = session_id or find_challenged_session(challenge, now=now)
    step = record_refused_message(session_id, code=code, now=now, caller=caller)
    fail_session(session_id, code=code)
    device = Device.objects.filter(udid=udid).only("public_id").first() if udid else None
    write_refused_message(
        code,
        message=message,
        session_id=session_id,
        device_id=device.public_id if device else "",
        remote_address=caller.address,
        detail=detail | ({"step": step.value} if step else {}),
    )


@receiver(devices.push_failed)
def log_push_failure(enrollment: Enrollment, code: str, message: str, **_: Any) -> None:
    write_device_entry(code, enrollment, message=message)


@receiver(devices.push_stopped)
def log_push_stop(topic: str, code: str, message: str, **_: Any) -> None:
    write_entry(code, message=message, detail={"topic": topic})


@receiver(devices.push_certificate_expiring)
def log_push_certificate(certificate: PushCertificate, days: int, **_: Any) -> None:
    """One that has expired is the error; before, it is a warning."""
    end = certificate.not_after
    code = "push_certificate_expired" if days < 0 else "push_certificate_expiring"
    write_entry(
        code,
        message=describe_end(end, days=days) if days >= 0 and end else "",
        detail={"topic": certificate.topic, "days": max(days, 0)},
    )


@receiver(devices.group_deleting)
def let_go_of_group(group: Group, **_: Any) -> None:
    release_group(group, now=timezone.now())


def _word_return(enrollment: Enrollment, *, before: Enrollment) -> str:
    token, earlier = _find_token_name(enrollment), _find_token_name(before)
    by = f"with the token “{token}”" if token else "without a token"
    how = "with the same one" if token == earlier else f"with “{earlier or 'none'}”"
    return f"Enrolled again {by}; before that on {before.created_at:%-d %b %Y}, {how}"


def _find_token_name(enrollment: Enrollment) -> str:
    sessions = EnrollmentSession.objects.filter(public_id=enrollment.session_id)
    return sessions.values_list("token__name", flat=True).first() or ""
