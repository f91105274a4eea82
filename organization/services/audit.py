"""The audit log: one entry for each write that a person or a program asked for."""

from datetime import datetime
from typing import Any

from organization.models import AuditEntry

BATCH = 1000


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


def delete_entries(*, before: datetime) -> int:
    """Delete entries from before that moment, the oldest first; at most BATCH. Returns how many."""
    entries = AuditEntry.objects.filter(created_at__lt=before).order_by("created_at")
    old = list(entries.values_list("pk", flat=True)[:BATCH])
    return AuditEntry.objects.filter(pk__in=old).delete()[0]
