"""News from the apps below, written into the enrollment log and onto the session."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from devices import signals as devices
from devices.models import Command, Device, Enrollment, Group, PushCertificate
from enrollment.models import EnrollmentSession, LogEntry, SessionState
from enrollment.protocol.funnel.steps import StepKind
from enrollment.services.invitations import note_enrolled
from enrollment.services.log import write_entry
from enrollment.services.refused_messages import write_refused_message, write_refused_poll
from enrollment.services.sessions import advance_session, fail_session, link_device
from enrollment.services.steps import record_refused_message, record_step
from enrollment.services.token_texts import find_challenged_session
from enrollment.services.tokens import release_group, release_scep_profile
from enrollment.signals import mail_requested
from enrollment.tasks import send_mails
from organization.protocol.caller import NOBODY, Caller
from policies import signals as policies
from policies.models import ItemStatus
from scep import signals as scep
from scep.models import (
    CertificateAuthorityRole,
    CertificatePurpose,
    HeldRequest,
    HeldRequestState,
    IssuedCertificate,
    ScepProfile,
)

READING = {"GetCACaps": StepKind.GET_CA_CAPS, "GetCACert": StepKind.GET_CA_CERT}


@receiver(scep.certificate_issued)
def log_certificate(certificate: IssuedCertificate, caller: Caller = NOBODY, **_: Any) -> None:
    if certificate.purpose == CertificatePurpose.PROFILE_SERVICE:
        _record(certificate.session_id, StepKind.PKI_OPERATION, caller=caller)
        _write_certificate("service_certificate_issued", certificate, caller=caller)
        return
    if certificate.scep_profile_id is not None:  # else the identity is still in the profile
        advance_session(certificate.session_id, state=SessionState.CERTIFICATE_ISSUED)
        _record(certificate.session_id, StepKind.PKI_OPERATION, caller=caller)
    _write_certificate("certificate_issued", certificate, caller=caller)


@receiver(scep.certificate_revoked)
def log_revocation(certificate: IssuedCertificate, **_: Any) -> None:
    _write_certificate("certificate_revoked", certificate)


@receiver(scep.intent_revoked)
def log_abandoned_intent(certificate: IssuedCertificate, **_: Any) -> None:
    _write_certificate("certificate_abandoned", certificate)


@receiver(scep.request_held)
def log_held_request(request: HeldRequest, caller: Caller = NOBODY, **_: Any) -> None:
    _record(request.session_id, StepKind.PKI_OPERATION, caller=caller, code="certificate_held")
    _write_held("certificate_held", request)


@receiver(scep.request_decided)
def log_decision(request: HeldRequest, **_: Any) -> None:
    is_approved = request.state == HeldRequestState.APPROVED
    if not is_approved:
        fail_session(request.session_id, code="certificate_rejected")
        _record(request.session_id, StepKind.PKI_OPERATION, code="certificate_rejected")
    _write_held("certificate_approved" if is_approved else "certificate_rejected", request)


@receiver(scep.scep_profile_deleting)
def let_go_of_scep_profile(scep_profile: ScepProfile, **_: Any) -> None:
    release_scep_profile(scep_profile, now=timezone.now())


@receiver(devices.group_deleting)
def let_go_of_group(group: Group, **_: Any) -> None:
    release_group(group, now=timezone.now())


@receiver(scep.scep_request_refused)
def log_scep_refusal(
    code: str,
    message: str,
    session_id: str,
    detail: dict[str, Any],
    caller: Caller = NOBODY,
    token_id: str = "",
    **_: Any,
) -> None:
    fail_session(session_id, code=code)
    _record(
        session_id,
        StepKind.PKI_OPERATION,
        caller=caller,
        code=code,
        fail_info=detail.get("fail_info"),
    )
    write = write_refused_poll if "held_request" in detail else write_entry
    write(
        code,
        message=message,
        session_id=session_id,
        token_id=token_id,
        remote_address=caller.address,
        detail=detail | {"step": StepKind.PKI_OPERATION.value},
    )


@receiver(scep.scep_asked)
def note_reading(session_id: str, operation: str, caller: Caller, now: datetime, **_: Any) -> None:
    record_step(session_id, READING[operation], now=now, caller=caller)


@receiver(scep.certificate_expiring)
def log_expiring(name: str, days: int, not_after: datetime, kind: str, **_: Any) -> None:
    """What has expired while the server slept is told as such; of a CA, as the error that it is."""
    code = "certificate_expiring"
    if kind in CertificateAuthorityRole.values:
        is_ours = kind != CertificateAuthorityRole.EXTERNAL
        code = "ca_expired" if is_ours and not_after <= timezone.now() else "ca_expiring"
    write_entry(
        code,
        message=f"{name}: {_describe_end(not_after, days=days)}",
        detail={"name": name, "kind": kind, "days": days, "not_after": not_after.isoformat()},
    )


def _describe_end(end: datetime, *, days: int) -> str:
    if end <= timezone.now():
        return f"expired on {end:%-d %b %Y}"
    return f"expires on {end:%-d %b %Y} ({days} day{'' if days == 1 else 's'} left)"


@receiver(devices.push_certificate_expiring)
def log_push_certificate(certificate: PushCertificate, days: int, **_: Any) -> None:
    """One that has expired is the error; before, it is a warning."""
    end = certificate.not_after
    code = "push_certificate_expired" if days < 0 else "push_certificate_expiring"
    write_entry(
        code,
        message=_describe_end(end, days=days) if days >= 0 and end else "",
        detail={"topic": certificate.topic, "days": max(days, 0)},
    )


@receiver(scep.scep_server_checked)
def log_scep_server(scep_profile: ScepProfile, code: str, message: str, **_: Any) -> None:
    write_entry(
        code or "scep_server_reachable",
        message=f"SCEP profile “{scep_profile.name}”: {message or 'all is well again'}",
        detail={"scep_profile": scep_profile.public_id},
    )


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


@receiver(devices.device_authenticated)
def log_authenticated(enrollment: Enrollment, caller: Caller = NOBODY, **_: Any) -> None:
    link_device(enrollment.session_id, device_id=enrollment.device.public_id)
    _record(enrollment.session_id, StepKind.AUTHENTICATE, caller=caller)
    _write_device("device_authenticated", enrollment)


@receiver(devices.device_enrolled)
def log_enrolled(enrollment: Enrollment, renewed: bool, caller: Caller = NOBODY, **_: Any) -> None:
    _record(enrollment.session_id, StepKind.TOKEN_UPDATE, caller=caller)
    advance_session(
        enrollment.session_id,
        state=SessionState.ENROLLED,
        device_id=enrollment.device.public_id,
    )
    entry = _write_device("device_enrolled", enrollment, detail={"renewed": renewed})
    if entry.token is not None and entry.token.parent_id is not None:
        note_enrolled(entry.token.jti, device_id=entry.device_id, now=entry.created_at)


@receiver(mail_requested)
def start_mailing(**_: Any) -> None:
    transaction.on_commit(send_mails.delay, robust=True)


@receiver(devices.device_connected)
def note_connection(enrollment: Enrollment, caller: Caller, now: datetime, **_: Any) -> None:
    record_step(enrollment.session_id, StepKind.FIRST_COMMAND, now=now, caller=caller)


@receiver(devices.device_reenrolled)
def log_reenrolled(enrollment: Enrollment, before: Enrollment, **_: Any) -> None:
    """The device's new group, where it changes, is in its row already."""
    detail = {"enrollment": enrollment.public_id, "before": before.public_id}
    message = _word_return(enrollment, before=before)
    _write_device("device_reenrolled", enrollment, message=message, detail=detail)


@receiver(devices.device_checked_out)
def log_checked_out(enrollment: Enrollment, **_: Any) -> None:
    _write_device("device_checked_out", enrollment)


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
    _write_device("device_silent", enrollment, message=message)


@receiver(devices.identity_renewed)
def log_renewal(enrollment: Enrollment, certificate: IssuedCertificate, **_: Any) -> None:
    detail = {"certificate": certificate.public_id, "serial": certificate.serial}
    _write_device("identity_renewed", enrollment, detail=detail)


@receiver(devices.renewal_failed)
def log_renewal_failure(enrollment: Enrollment, message: str, **_: Any) -> None:
    detail = {"attempt": enrollment.renewal_attempts}
    _write_device("renewal_failed", enrollment, message=message, detail=detail)


@receiver(devices.recovery_key_lost)
def log_lost_recovery_key(enrollment: Enrollment, command: Command, **_: Any) -> None:
    _write_device("recovery_key_lost", enrollment, detail={"command": command.public_id})


@receiver(devices.push_failed)
def log_push_failure(enrollment: Enrollment, code: str, message: str, **_: Any) -> None:
    _write_device(code, enrollment, message=message)


@receiver(devices.push_stopped)
def log_push_stop(topic: str, code: str, message: str, **_: Any) -> None:
    write_entry(code, message=message, detail={"topic": topic})


@receiver(policies.policies_applied)
def log_policies(enrollment: Enrollment, queued: int, **_: Any) -> None:
    if queued:
        _write_device(
            "policies_queued",
            enrollment,
            message=f"{queued} policy command{'' if queued == 1 else 's'} queued",
            detail={"queued": queued},
        )


@receiver(policies.item_installed)
def log_item_installed(status: ItemStatus, **_: Any) -> None:
    _write_device("item_installed", status.enrollment, message=f"{status.name}: installed")


@receiver(policies.item_failed)
def log_item_failed(status: ItemStatus, message: str, **_: Any) -> None:
    item = status.find_item()
    _write_device(
        "policy_item_failed",
        status.enrollment,
        message=f"{status.name}: {message}",
        detail={"item": item.public_id if item else "", "kind": status.kind},
    )


@receiver(policies.device_managed)
def log_managed(device: Device, **_: Any) -> None:
    enrollment = device.enrollments.order_by("id").last()
    if enrollment is not None:
        _record(enrollment.session_id, StepKind.ITEMS_APPLIED)
        _write_device("device_managed", enrollment)


def _record(
    session_id: str,
    kind: StepKind,
    *,
    caller: Caller = NOBODY,
    code: str = "",
    fail_info: int | None = None,
) -> None:
    record_step(session_id, kind, now=timezone.now(), caller=caller, code=code, fail_info=fail_info)


def _word_return(enrollment: Enrollment, *, before: Enrollment) -> str:
    token, earlier = _find_token_name(enrollment), _find_token_name(before)
    by = f"with the token “{token}”" if token else "without a token"
    how = "with the same one" if token == earlier else f"with “{earlier or 'none'}”"
    return f"Enrolled again {by}; before that on {before.created_at:%-d %b %Y}, {how}"


def _find_token_name(enrollment: Enrollment) -> str:
    sessions = EnrollmentSession.objects.filter(public_id=enrollment.session_id)
    return sessions.values_list("token__name", flat=True).first() or ""


def _write_held(code: str, request: HeldRequest) -> None:
    write_entry(
        code,
        session_id=request.session_id,
        remote_address=request.remote_address,
        detail={"request": request.public_id, "transaction_id": request.transaction_id},
    )


def _write_certificate(
    code: str, certificate: IssuedCertificate, *, caller: Caller = NOBODY
) -> LogEntry:
    return write_entry(
        code,
        session_id=certificate.session_id,
        token_id=certificate.token_id,
        remote_address=caller.address,
        detail={"certificate": certificate.public_id, "serial": certificate.serial},
    )


def _write_device(
    code: str, enrollment: Enrollment, *, message: str = "", detail: dict[str, Any] | None = None
) -> LogEntry:
    return write_entry(
        code,
        message=message,
        session_id=enrollment.session_id,
        device_id=enrollment.device.public_id,
        detail=detail,
    )
