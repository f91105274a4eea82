"""Real worker processes with the broker under test: how soon they push, and how they die. R4."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as test_settings
from django.db import connection
from django.utils import timezone

from devices.models import Enrollment
from devices.services.push.requests import request_due_pushes
from devices.services.queue import enqueue
from guardmdm.celery import app
from tests.devices.fleet import Fleet
from tests.devices.pushing import count_by_token, forget_commands, push
from tests.simulator.apns import FakeApns

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
START_SECONDS = 240


@pytest.fixture
def worker(fleet: Fleet, apns: FakeApns, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Two worker processes under one parent, ready."""
    command = [sys.executable, "-m", "celery", "-q", "-A", "guardmdm", "worker"]
    command += ["--concurrency", "2", "--without-gossip", "--without-mingle", "--hostname", "w@w"]
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=build_environ(), stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_for_worker(tmp_path / "worker.log")
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)
        app.control.purge()


def build_environ() -> dict[str, str]:
    """The settings of this very test, for another process."""
    kept = {key: text for key, text in os.environ.items() if not key.startswith("GUARDMDM_")}
    database = connection.settings_dict
    url = f"sqlite:///{database['NAME']}"
    if connection.vendor == "postgresql":
        place = f"{database['HOST']}:{database['PORT']}"
        url = f"postgres://{database['USER']}@{place}/{database['NAME']}"
    return kept | {
        "DJANGO_SETTINGS_MODULE": "guardmdm.settings",
        "GUARDMDM_DATA_DIR": str(test_settings.DATA_DIR),
        "GUARDMDM_DATABASE_URL": url,
        "GUARDMDM_BROKER_URL": test_settings.CELERY_BROKER_URL,
        "GUARDMDM_APNS_HOST": "127.0.0.1",
        "GUARDMDM_APNS_PORT": str(test_settings.APNS_PORT),
        "GUARDMDM_APNS_CA": test_settings.APNS_CA,
    }


def wait_for_worker(log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if app.control.ping(timeout=0.5):
            return
    raise TimeoutError(log.read_text())


def test_a_command_is_pushed_at_once_by_an_idle_worker(
    worker: Any, fleet: Fleet, apns: FakeApns
) -> None:
    fleet.add(3)
    forget_commands()
    Enrollment.objects.update(push_requested_at=None)
    waits = []
    for count, enrollment in enumerate(Enrollment.objects.all(), start=1):
        started = time.time()
        enqueue(enrollment, command={"RequestType": "RestartDevice"})
        waits.append(apns.wait_for_deliveries(count)[-1].at - started)
    assert min(waits) < 1, waits  # the first one connects, and this machine may be busy
    assert apns.connections <= 2
    if connection.vendor == "postgresql":
        check_connections_are_kept()


def check_connections_are_kept() -> None:
    """Behind their tasks; each new one would cost both sides more than what most tasks do."""
    asking = app.control.inspect(timeout=2)
    while not (told := asking.active()) or any(told.values()):  # None: it is too busy to answer
        time.sleep(0.1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] in (1, 2)


def test_what_killed_workers_had_in_hand_is_pushed_by_the_sweep(
    worker: subprocess.Popen[bytes], fleet: Fleet, apns: FakeApns
) -> None:
    fleet.add(80)
    apns.disturb_next("ignore", count=40)
    first = Enrollment.objects.first()
    assert first is not None
    Enrollment.objects.filter(pk=first.pk).update(push_requested_at=None)
    enqueue(first, command={"RequestType": "RestartDevice"})
    apns.wait_for_deliveries(40)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    forget_commands()
    in_hand = Enrollment.objects.filter(push_claimed_at__isnull=False)
    held = {bytes(each.push_token or b"") for each in in_hand}
    assert len(held) >= 40
    later = timezone.now() + timedelta(minutes=3)
    assert request_due_pushes(now=later) == len(held)
    assert push(now=later) == len(held)
    counts = count_by_token(apns)
    assert set(counts) == set(fleet.tokens)
    assert {token for token, count in counts.items() if count > 1} <= held
