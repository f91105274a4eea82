"""What events say: public ids and what the console's lists show of each; never a secret."""

from datetime import UTC, datetime
from typing import Any

from devices.models import Command, CommandState, Device, Enrollment
from devices.protocol.connect import get_error_text
from enrollment.models import EnrollmentToken, LogEntry
from enrollment.services.diagnosis import get_advice
from policies.models import ItemStatus
from scep.models import IssuedCertificate

NOT_UNDERSTOOD = "The device did not understand the command."


def describe_device(device: Device) -> dict[str, Any]:
    return {
        "id": device.public_id,
        "name": device.name,
        "serial_number": device.serial_number,
        "udid": device.udid,
        "platform": device.platform,
        "status": device.status,
        "status_reason": device.status_reason,
        "group": device.group.public_id if device.group else None,
    }


def describe_enrollment(enrollment: Enrollment, *, renewed: bool) -> dict[str, Any]:
    """`renewed`: the device was enrolled until now."""
    return {
        "device": describe_device(enrollment.device),
        "session": enrollment.session_id or None,
        "renewed": renewed,
    }


def describe_command(command: Command) -> dict[str, Any]:
    """Neither its body nor what the device answered, for both may hold secrets."""
    error = get_error_text(command.error_chain)
    if command.state == CommandState.FORMAT_ERROR:
        error = error or NOT_UNDERSTOOD
    return {
        "command": {
            "id": command.public_id,
            "request_type": command.request_type,
            "state": command.state,
            "error": error,
        },
        "device": describe_device(command.device),
    }


def describe_item(status: ItemStatus, *, message: str) -> dict[str, Any]:
    item = status.find_item()
    return {
        "item": {
            "id": item.public_id if item else None,
            "policy": item.policy.public_id if item else None,
            "name": status.name,
            "kind": status.kind,
            "error": message,
        },
        "device": describe_device(status.enrollment.device),
    }


def describe_certificate(certificate: IssuedCertificate) -> dict[str, Any]:
    return {
        "certificate": {
            "id": certificate.public_id,
            "serial": certificate.serial,
            "subject": certificate.subject,
            "purpose": certificate.purpose,
            "not_after": _write(certificate.not_after),
            "revocation_reason": certificate.revocation_reason or None,
        },
        "session": certificate.session_id or None,
        "device": certificate.device_id or None,
    }


def describe_token(token: EnrollmentToken) -> dict[str, Any]:
    return {
        "token": {
            "id": token.jti,
            "name": token.name,
            "group": token.group.public_id if token.group else None,
            "expires_at": _write(token.expires_at),
            "max_uses": token.max_uses,
            "uses": token.use_count,
        }
    }


def describe_entry(entry: LogEntry) -> dict[str, Any]:
    """With cause and resolution, as they stand in the log."""
    advice = get_advice(entry)
    return {
        "entry": {
            "id": entry.public_id,
            "level": entry.level,
            "code": entry.code,
            "message": entry.message,
            "cause": advice.cause,
            "resolution": advice.resolution,
        },
        "session": entry.session_id or None,
        "token": entry.token.jti if entry.token else None,
        "device": entry.device_id or None,
    }


def _write(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
