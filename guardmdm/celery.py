"""The Celery application: JSON messages, ids as arguments, results in the database only."""

import os
from datetime import timedelta
from typing import Any

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guardmdm.settings")

from django.conf import settings

app = Celery("guardmdm")


def _transport_options() -> dict[str, Any]:
    if not settings.CELERY_BROKER_URL.startswith("filesystem"):
        return {"visibility_timeout": 600}
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
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    task_publish_retry=False,
    timezone="UTC",
    beat_schedule_filename=str(settings.DATA_DIR / "beat-schedule"),
    beat_schedule={
        "sweep commands": {
            "task": "devices.tasks.sweep_commands",
            "schedule": timedelta(minutes=1),
        },
        "sweep policies": {
            "task": "policies.tasks.sweep_policies",
            "schedule": timedelta(minutes=1),
        },
        "sweep sessions": {
            "task": "enrollment.tasks.sweep_sessions",
            "schedule": timedelta(minutes=1),
        },
        "sweep certificates": {
            "task": "scep.tasks.sweep_certificates",
            "schedule": timedelta(minutes=5),
        },
    },
)
app.autodiscover_tasks()
