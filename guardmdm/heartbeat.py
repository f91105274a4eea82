"""Signs of life in the database: level-triggered, so that a lost one is made up by the next."""

import logging
from datetime import datetime, timedelta
from typing import Any

from celery.beat import PersistentScheduler
from celery.utils.time import maybe_make_aware
from django.db import DatabaseError, connection
from django.utils import timezone

from guardmdm.models import Heart, Heartbeat

STALE_AFTER = timedelta(minutes=5)
"""Of sweeps that run every minute, five in a row did not come."""
PAUSE = timedelta(seconds=30)
logger = logging.getLogger(__name__)


def record_heartbeat(heart: Heart, *, now: datetime) -> None:
    Heartbeat.objects.update_or_create(heart=heart, defaults={"beaten_at": now})


def find_heartbeat(heart: Heart) -> datetime | None:
    """Return when the heart last beat, or None where it never has."""
    return Heartbeat.objects.filter(heart=heart).values_list("beaten_at", flat=True).first()


class Scheduler(PersistentScheduler):  # type: ignore[misc]
    """Celery's scheduler, which tells by itself that it lives: no worker can do that for it."""

    _told_at: datetime | None = None
    _ticked_at: datetime | None = None

    def tick(self, *arguments: Any, **options: Any) -> Any:
        self._follow_clock()
        self._tell()
        return super().tick(*arguments, **options)

    def _follow_clock(self) -> None:
        """Count all intervals from now where the clock was set back, also before the start.

        What Celery keeps are times of the clock: it would wait until that is there again.
        """
        now, before = timezone.now(), self._ticked_at
        self._ticked_at = now
        if before is not None and before <= now:
            return
        for entry in self.schedule.values():
            if entry.last_run_at is not None and maybe_make_aware(entry.last_run_at) > now:
                entry.last_run_at = now
        self._told_at = self._heap = None

    def _tell(self) -> None:
        now = timezone.now()
        if self._told_at is None:
            # Else a server that has just started would look for a minute as if it had no worker.
            self.app.tasks["guardmdm.tasks.beat"].delay()
        if self._told_at is not None and now - self._told_at < PAUSE:
            return
        self._told_at = now
        try:
            record_heartbeat(Heart.SCHEDULER, now=now)
        except DatabaseError as error:
            connection.close()  # the next one begins anew
            logger.warning("The scheduler's sign of life is not written: %s", error)
