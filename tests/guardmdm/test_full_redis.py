"""A Redis that answers, and refuses what it is asked: its memory is full, or a database missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from django.test import Client
from django.utils import timezone

from guardmdm.addresses import build_cache_url
from guardmdm.celery import app
from guardmdm.health.machinery import check_broker, check_workers
from guardmdm.metrics import build_metrics
from tests.services import REDIS_DATABASES, Redis, ServiceMissing


@contextmanager
def run_broker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """As broker of this process."""
    try:
        server = Redis(folder)
    except ServiceMissing as missing:
        pytest.skip(str(missing))
    server.start()
    try:
        monkeypatch.setattr(app.conf, "broker_write_url", server.url)
        monkeypatch.setattr(app.conf, "broker_read_url", server.url)
        yield server
    finally:
        server.stop()


@pytest.fixture
def full_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with run_broker(tmp_path, monkeypatch) as server:
        redis.Redis(port=server.port).config_set("maxmemory", 1)
        yield


@pytest.mark.django_db
def test_the_doctor_says_that_the_broker_takes_nothing_when_its_memory_is_full(
    full_redis: None,
) -> None:
    """It ended with a traceback, and so did the hourly examination."""
    finding = check_broker()
    assert finding.is_failure
    assert "takes no tasks" in finding.text
    assert "maxmemory" in finding.text
    assert "more memory" in finding.fix
    assert "Cluster" in finding.fix  # which answers, and refuses with "don't hash to the same slot"
    assert check_workers().is_failure


@pytest.mark.django_db
def test_not_ready_when_the_brokers_memory_is_full(full_redis: None, bootstrapped: None) -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"database": "ok", "broker": "takes no tasks", "set_up": "ok"}


@pytest.mark.django_db
def test_metrics_go_on_when_the_brokers_memory_is_full(
    full_redis: None, bootstrapped: None
) -> None:
    text = build_metrics(now=timezone.now())
    assert "guardmdm_devices" in text
    assert "guardmdm_broker_tasks{" not in text


@pytest.mark.django_db
def test_not_ready_when_redis_answers_and_writes_nothing_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bootstrapped: None
) -> None:
    """As while another Redis takes over from it: /readyz answered 500."""
    monkeypatch.setitem(app.conf.broker_transport_options, "socket_timeout", 0.5)
    with run_broker(tmp_path, monkeypatch) as server:
        redis.Redis(port=server.port).execute_command("CLIENT", "PAUSE", "600000", "WRITE")
        answer, finding = Client().get("/readyz"), check_broker()
        redis.Redis(port=server.port).execute_command("CLIENT", "UNPAUSE")  # or it does not end
    assert answer.status_code == 503
    assert answer.json()["broker"] == "unreachable (OperationalError)"
    assert finding.text.startswith("unreachable")


@pytest.mark.django_db
def test_the_doctor_says_that_the_cache_has_no_database_when_redis_has_the_brokers_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """Limits of sign-ins then held for each process alone, for ever, and only the log said so."""
    with run_broker(tmp_path, monkeypatch) as server:
        last = server.url.removesuffix("/0") + f"/{REDIS_DATABASES - 1}"
        settings.CACHES = {
            "default": {
                "BACKEND": "guardmdm.redis_cache.EnduringRedisCache",
                "LOCATION": build_cache_url(last),
            }
        }
        finding = check_broker()
    assert finding.is_failure
    assert "DB index is out of range" in finding.text
    assert "databases" in finding.fix
