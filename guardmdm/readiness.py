"""Can this process do its work: the database and the broker, asked and not assumed."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import DEFAULT_CACHE_ALIAS, caches
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from kombu import Connection
from kombu.exceptions import OperationalError

from guardmdm.celery import app
from guardmdm.redis_cache import PROBE, PROBE_SECONDS, EnduringRedisCache

CONNECT_SECONDS = 2
OWN_APPS = ("organization", "scep", "devices", "policies", "enrollment", "webhooks", "guardmdm")


class BrokerRefuses(OperationalError):  # type: ignore[misc]
    """The broker answers, and does nothing of what it is asked: a Redis whose memory is full."""


def count_missing_migrations() -> int:
    """Return how many migrations are not applied; raises DatabaseError without a database."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def list_later_migrations() -> list[str]:
    """Return what a later version has applied: behind the last of its app that this one knows."""
    loader = MigrationExecutor(connection).loader
    last: dict[str, str] = {}
    for app_label, name in loader.disk_migrations:
        last[app_label] = max(last.get(app_label, ""), name[:4])
    applied = (key for key in loader.applied_migrations if key[0] in OWN_APPS)
    return sorted(
        f"{label}.{name}" for label, name in applied if name[:4] > last.get(label, "9999")
    )


def reach_broker() -> None:
    """Raises kombu's OperationalError or OSError where it does not answer, and BrokerRefuses."""
    with _reaching_broker():
        pass


def reach_cache() -> None:
    """Raises RedisError or OSError where the cache is a Redis that takes nothing."""
    cache = caches[DEFAULT_CACHE_ALIAS]
    if isinstance(cache, EnduringRedisCache):
        cache.reach()


def count_waiting_tasks() -> int:
    """Return how many tasks no worker has taken yet; raises as reach_broker."""
    with _reaching_broker() as broker:
        # Not queue_declare: with a key prefix it looks for it under another name in Redis.
        return int(broker.default_channel._size(app.conf.task_default_queue))


@contextmanager
def _reaching_broker() -> Iterator[Connection]:
    with app.connection_for_write(connect_timeout=CONNECT_SECONDS) as broker:
        broker.ensure_connection(max_retries=1, timeout=CONNECT_SECONDS)
        try:
            if broker.transport.driver_type == "redis":  # a full one counts, from version 8 on
                broker.default_channel.client.set(PROBE, "", ex=PROBE_SECONDS)
            yield broker
        except broker.channel_errors as error:
            raise BrokerRefuses(str(error)) from error
        except broker.connection_errors as error:  # it has stopped answering since
            raise OperationalError(str(error)) from error
