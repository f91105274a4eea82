"""How far back logs and finished commands reach: GUARDMDM_HISTORY_DAYS, for every app's tables."""

from datetime import datetime

from django.conf import settings

from devices.services.retention import delete_commands, forget_locations, forget_reports
from enrollment.services.retention import delete_history, forget_unused_returns
from organization.services.audit import delete_entries
from scep.services.retention import delete_records
from webhooks.services.sweep import delete_finished

MOST_ROUNDS = 100
"""Of a thousand rows of each kind: others need the worker, too, and the next run goes on."""


def delete_old_history(*, now: datetime) -> int:
    """Delete what is older than HISTORY_KEPT, in many small transactions; returns how many rows."""
    count = forget_locations(now=now) + forget_reports(now=now) + forget_unused_returns(now=now)
    if settings.HISTORY_KEPT is None:
        return count
    before = now - settings.HISTORY_KEPT
    for delete in (
        delete_commands,
        delete_history,
        delete_records,
        delete_entries,
        delete_finished,
    ):
        for _ in range(MOST_ROUNDS):
            deleted = delete(before=before)
            count += deleted
            if not deleted:
                break
    return count
