"""Runs of the doctor whose findings are kept: for the console, the dashboard and programs.

Some checks wait for the network, so no page waits for them: a thread of the web process examines,
and the page shows what the database holds already. A worker does the same every hour, and sooner
where something was to be mended.
"""

import logging
import threading
from datetime import datetime, timedelta

from django.db import DatabaseError, connections, transaction
from django.utils import timezone

from guardmdm.health import Finding, examine
from guardmdm.models import Examination

# Its slowest checks time out after half a minute each; a process that was killed ends none.
GIVEN_UP_AFTER = timedelta(minutes=3)
DUE_AFTER, DUE_AFTER_FAILURE = timedelta(hours=1), timedelta(minutes=10)
KEPT = 10
logger = logging.getLogger(__name__)


def find_latest() -> Examination | None:
    return Examination.objects.first()


def find_latest_finished() -> Examination | None:
    return Examination.objects.filter(finished_at__isnull=False).first()


def is_running(examination: Examination | None, *, now: datetime) -> bool:
    return (
        examination is not None
        and examination.finished_at is None
        and examination.started_at > now - GIVEN_UP_AFTER
    )


def is_due(*, now: datetime) -> bool:
    """Whether it is time for another one, as a worker sees it."""
    latest = find_latest()
    if latest is None or is_running(latest, now=now):
        return latest is None
    is_failing = any(finding.is_failure for finding in decode_findings(latest))
    return latest.started_at <= now - (DUE_AFTER_FAILURE if is_failing else DUE_AFTER)


def start_examination(*, now: datetime) -> Examination:
    """Begin one in the background unless one is under way; return that one."""
    latest = find_latest()
    if latest is not None and is_running(latest, now=now):
        return latest
    examination = Examination.objects.create(started_at=now)
    thread = threading.Thread(target=_run_apart, args=(examination.pk,), name="doctor", daemon=True)
    transaction.on_commit(thread.start)
    return examination


def run_examination(*, now: datetime) -> Examination:
    """Examine here and now; takes up to a minute where the network is silent."""
    examination = Examination.objects.create(started_at=now)
    _note_findings(examination)
    return examination


def decode_findings(examination: Examination | None) -> list[Finding]:
    return [Finding(**each) for each in examination.findings] if examination else []


def _run_apart(key: int) -> None:
    try:
        _note_findings(Examination.objects.get(pk=key))
    except (DatabaseError, Examination.DoesNotExist) as error:
        logger.warning("An examination has ended early: %s", error)
    finally:
        connections.close_all()


def _note_findings(examination: Examination) -> None:
    for finding in examine():
        examination.findings.append(vars(finding))
        examination.save(update_fields=["findings"])
    examination.finished_at = timezone.now()
    examination.save(update_fields=["finished_at"])
    old = Examination.objects.values_list("pk", flat=True)[KEPT:]
    Examination.objects.filter(pk__in=list(old)).delete()
