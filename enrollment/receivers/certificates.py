"""What becomes of certificates, and of what waits for one: in the log and on the session."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from enrollment.models import LogEntry, SessionState
from enrollment.protocol.funnel.steps import StepKind
from enrollment.receivers.entries import describe_end, record_now
from enrollment.services.log import write_entry
from enrollment.services.refused_messages import write_refused_poll
from enrollment.services.sessions import advance_session, fail_session
from enrollment.services.steps import record_step
from enrollment.services.tokens import release_scep_profile
from organization.protocol.caller import NOBODY, Caller
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
        record_now(certificate.session_id, StepKind.PKI_OPERATION, caller=caller)
        _write_certificate("service_certificate_issued", certificate, caller=caller)
        return
    if certificate.scep_profile_id is not None:  # else the identity is still in the profile
        advance_session(certificate.session_id, state=SessionState.CERTIFICATE_ISSUED)
        record_now(certificate.session_id, StepKind.PKI_OPERATION, caller=caller)
    _write_certificate("certificate_issued", certificate, caller=caller)


@receiver(scep.certificate_revoked)
def log_revocation(certificate: IssuedCertificate, **_: Any) -> None:
    _write_certificate("certificate_revoked", certificate)


@receiver(scep.intent_revoked)
def log_abandoned_intent(certificate: IssuedCertificate, **_: Any) -> None:
    _write_certificate("certificate_abandoned", certificate)


@receiver(scep.request_held)
def log_held_request(request: HeldRequest, caller: Caller = NOBODY, **_: Any) -> None:
    record_now(request.session_id, StepKind.PKI_OPERATION, caller=caller, code="certificate_held")
    _write_held("certificate_held", request)


@receiver(scep.request_decided)
def log_decision(request: HeldRequest, **_: Any) -> None:
    is_approved = request.state == HeldRequestState.APPROVED
    if not is_approved:
        fail_session(request.session_id, code="certificate_rejected")
        record_now(request.session_id, StepKind.PKI_OPERATION, code="certificate_rejected")
    _write_held("certificate_approved" if is_approved else "certificate_rejected", request)


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
    record_now(
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
        message=f"{name}: {describe_end(not_after, days=days)}",
        detail={"name": name, "kind": kind, "days": days, "not_after": not_after.isoformat()},
    )


@receiver(scep.scep_server_checked)
def log_scep_server(scep_profile: ScepProfile, code: str, message: str, **_: Any) -> None:
    write_entry(
        code or "scep_server_reachable",
        message=f"SCEP profile “{scep_profile.name}”: {message or 'all is well again'}",
        detail={"scep_profile": scep_profile.public_id},
    )


@receiver(scep.scep_profile_deleting)
def let_go_of_scep_profile(scep_profile: ScepProfile, **_: Any) -> None:
    release_scep_profile(scep_profile, now=timezone.now())


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
