"""The audit log: one entry for each write that a person or a program asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from organization.models import AuditEntry

BATCH = 1000
AskAddress = Callable[[], str | None]
# Whose request is being answered; outside of one, as in commands and tasks, nobody's.
_ask_address: ContextVar[AskAddress] = ContextVar("ask_address", default=lambda: None)


@contextmanager
def asked_from(ask_address: AskAddress) -> Iterator[None]:
    """What is recorded meanwhile came from this address; it is asked for only then."""
    before = _ask_address.set(ask_address)
    try:
        yield
    finally:
        _ask_address.reset(before)


def record(
    actor: str,
    *,
    action: str,
    subject_id: str = "",
    subject: str = "",
    detail: dict[str, Any] | None = None,
) -> AuditEntry:
    """Write who (`actor`) did what (`action`, like `token.create`) to which row; no secrets."""
    return AuditEntry.objects.create(
        actor=actor[:200],
        action=action,
        subject_id=subject_id,
        subject=subject[:255],
        detail=detail or {},
        remote_address=_ask_address.get()(),
    )


def delete_entries(*, before: datetime) -> int:
    """Delete entries from before that moment, the oldest first; at most BATCH. Returns how many."""
    entries = AuditEntry.objects.filter(created_at__lt=before).order_by("created_at")
    old = list(entries.values_list("pk", flat=True)[:BATCH])
    return AuditEntry.objects.filter(pk__in=old).delete()[0]
