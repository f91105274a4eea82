"""Celery's processes; where they share one queue, a worker that lost one of them begins anew.

On the embedded broker the processes read their tasks from one pipe, and whoever waits at it holds a
lock. A process that is killed while it waits never gives it back: all others wait for ever, those
that replace it as well, and no task runs any more. On Redis each process has a pipe of its own.
"""

import logging
import os
from typing import Any

from billiard.pool import RUN
from celery.concurrency import prefork

log = logging.getLogger(__name__)
FAILURE = 1


class TaskPool(prefork.TaskPool):  # type: ignore[misc]
    def on_start(self) -> None:
        super().on_start()
        if isinstance(self._pool, self.BlockingPool):
            self._pool.on_process_down = self._end_where_tasks_wait

    def _end_where_tasks_wait(self, process: Any) -> None:
        """End the whole worker, which a supervisor starts again, if the process held the lock.

        Whoever was at work held none: another does its task again.
        """
        pool = self._pool
        was_killed = (process.exitcode or 0) < 0 and pool._state == RUN
        if not was_killed or self._was_at_work(process.pid):
            return
        log.error("A process that waited for tasks was killed: the worker has to begin anew.")
        # Not by a signal to Celery: whatever ends it in order waits for the same lock.
        os._exit(FAILURE)

    def _was_at_work(self, pid: int) -> bool:
        return any(pid in job.worker_pids() for job in list(self._pool._cache.values()))
