"""The Celery application: JSON messages, ids as arguments, results in the database only."""

import logging
import os
import time
from datetime import timedelta
from typing import Any

from celery import Celery, Task
from celery.signals import task_postrun, task_prerun
from kombu.exceptions import OperationalError
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guardmdm.settings")

from django.conf import settings
from django.db import close_old_connections

logger = logging.getLogger(__name__)
CONNECT_SECONDS = 2
PAUSE_SECONDS = 10
ANSWER_SECONDS = 3
"""A Redis that takes no longer is there; a worker waits for a task for one second at a time."""

TRANSPORT_ALIASES["filesystem"] = "guardmdm.broker:Transport"


class SweptTask(Task):  # type: ignore[misc]
    """A task whose request may get lost: the periodic sweep finds what it would have done.

    So an unreachable broker fails no enrollment and no click. After one failure nothing
    is sent for PAUSE_SECONDS, so that not every request waits for the connection.
    """

    _broker_down_until = 0.0

    def apply_async(self, *args: Any, **options: Any) -> Any:
        if time.monotonic() < SweptTask._broker_down_until:
            return None
        try:
            return super().apply_async(*args, **options)
        except (OperationalError, OSError) as error:
            SweptTask._broker_down_until = time.monotonic() + PAUSE_SECONDS
            logger.warning("The broker is unreachable (%s); the sweep will do %s", error, self.name)
            return None


app = Celery("guardmdm", task_cls=SweptTask)


def _transport_options() -> dict[str, Any]:
    if not settings.CELERY_BROKER_URL.startswith("filesystem"):
        return {
            # Another server on the same Redis must not take this one's tasks: it would find
            # nothing to do for their ids.
            "global_keyprefix": f"guardmdm-{settings.GUARDMDM_KEY_RING.name}:",
            "visibility_timeout": 600,
            "socket_connect_timeout": CONNECT_SECONDS,
            "socket_timeout": ANSWER_SECONDS,
        }
    queue, control = (
        settings.DATA_DIR / "broker" / "queue",
        settings.DATA_DIR / "broker" / "control",
    )
    for folder in (queue, control):
        folder.mkdir(parents=True, exist_ok=True)
    return {
        "data_folder_in": str(queue),
        "data_folder_out": str(queue),
        "control_folder": str(control),
    }


app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_transport_options=_transport_options(),
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # a hundred would be less than an hour's outage
    broker_connection_timeout=CONNECT_SECONDS,
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    # Celery ends the connection to the database behind each task, and begins another one for the
    # next; keep_connection looks after it instead (docs/adr/0295).
    CELERY_DB_REUSE_MAX=2**62,
    worker_pool="guardmdm.worker_pool:TaskPool",
    worker_hijack_root_logger=False,
    task_publish_retry=False,
    timezone="UTC",
    beat_schedule_filename=str(settings.DATA_DIR / "beat-schedule"),
    beat_scheduler="guardmdm.heartbeat:Scheduler",
    beat_schedule={
        "beat": {"task": "guardmdm.tasks.beat", "schedule": timedelta(minutes=1)},
        "examine": {"task": "guardmdm.tasks.examine", "schedule": timedelta(minutes=1)},
        "sweep commands": {
            "task": "devices.tasks.sweep_commands",
            "schedule": timedelta(minutes=1),
        },
        "sweep inventory": {
            "task": "devices.tasks.sweep_inventory",
            "schedule": timedelta(minutes=1),
        },
        "sweep software": {
            "task": "devices.tasks.sweep_software",
            "schedule": timedelta(minutes=5),
        },
        "poke silent devices": {
            "task": "devices.tasks.poke_silent_devices",
            "schedule": timedelta(minutes=10),
        },
        "sweep renewals": {
            "task": "devices.tasks.sweep_renewals",
            "schedule": timedelta(minutes=1),
        },
        "check push certificate": {
            "task": "devices.tasks.check_push_certificate",
            "schedule": timedelta(hours=1),
        },
        "sweep policies": {
            "task": "policies.tasks.sweep_policies",
            "schedule": timedelta(minutes=1),
        },
        "sweep packages": {
            "task": "policies.tasks.sweep_packages",
            "schedule": timedelta(hours=6),
        },
        "watch sessions": {
            "task": "enrollment.tasks.watch_sessions",
            "schedule": timedelta(seconds=5),
        },
        "sweep sessions": {
            "task": "enrollment.tasks.sweep_sessions",
            "schedule": timedelta(minutes=1),
        },
        "check server certificate": {
            "task": "enrollment.tasks.check_server_certificate",
            "schedule": timedelta(minutes=5),
        },
        "delete history": {
            "task": "guardmdm.tasks.delete_history",
            "schedule": timedelta(hours=1),
        },
        "clear sessions": {
            "task": "guardmdm.tasks.clear_sessions",
            "schedule": timedelta(hours=12),
        },
        "seal second factors": {
            "task": "guardmdm.tasks.seal_second_factors",
            "schedule": timedelta(hours=6),
        },
        "send mails": {
            "task": "enrollment.tasks.send_mails",
            "schedule": timedelta(minutes=1),
        },
        "sweep deliveries": {
            "task": "webhooks.tasks.sweep_deliveries",
            "schedule": timedelta(minutes=1),
        },
        "sweep certificates": {
            "task": "scep.tasks.sweep_certificates",
            "schedule": timedelta(minutes=5),
        },
        "rotate certificates": {
            "task": "scep.tasks.rotate_certificates",
            "schedule": timedelta(minutes=5),
        },
        "renew server certificate": {
            "task": "guardmdm.tasks.renew_server_certificate",
            "schedule": timedelta(hours=12),
        },
        "refresh revocation": {
            "task": "scep.tasks.refresh_revocation",
            "schedule": timedelta(minutes=5),
        },
        "check SCEP servers": {
            "task": "scep.tasks.check_scep_servers",
            "schedule": timedelta(minutes=15),
        },
    },
)
# While no worker runs, the scheduler goes on: a night's sweeps would stand before the first push.
# None of them is worth doing late, for the next one does it all. The clocks of two machines may
# differ, but not by so much.
LEAST_EXPIRY = timedelta(hours=1)
for _entry in app.conf.beat_schedule.values():
    _expiry = max(_entry["schedule"], LEAST_EXPIRY)
    _entry["options"] = {"expires": _expiry.total_seconds()}
app.autodiscover_tasks()


@task_prerun.connect
@task_postrun.connect
def keep_connection(sender: Task, **_: Any) -> None:
    """Let a process keep its connection to the database, as those of the web do.

    Django closes it here if it is broken or older than CONN_MAX_AGE.
    """
    if not sender.request.is_eager:
        close_old_connections()
