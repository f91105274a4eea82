"""The audit log: one entry for each write that a person or a program asked for."""

from typing import Any

from organization.models import AuditEntry


def record(
    actor: str,
    *,
    action: str,
    subject_id: str = "",
    subject: str = "",
    detail: dict[str, Any] | None = None,
    remote_address: str | None = None,
) -> AuditEntry:
    """Write who (`actor`) did what (`action`, like `token.create`) to which row; no secrets."""
    return AuditEntry.objects.create(
        actor=actor[:200],
        action=action,
        subject_id=subject_id,
        subject=subject[:255],
        detail=detail or {},
        remote_address=remote_address,
    )
