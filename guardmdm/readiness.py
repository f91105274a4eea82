"""Can this process do its work: the database and the broker, asked and not assumed."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from kombu.exceptions import ChannelError

from guardmdm.celery import app

CONNECT_SECONDS = 2


def count_missing_migrations() -> int:
    """Return how many migrations are not applied; raises DatabaseError without a database."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def reach_broker() -> None:
    """Raises kombu's OperationalError, or OSError, where the broker does not answer."""
    with app.connection_for_write(connect_timeout=CONNECT_SECONDS) as broker:
        broker.ensure_connection(max_retries=1, timeout=CONNECT_SECONDS)


def count_waiting_tasks() -> int:
    """Return how many tasks no worker has taken yet; raises as reach_broker does."""
    with app.connection_for_write(connect_timeout=CONNECT_SECONDS) as broker:
        broker.ensure_connection(max_retries=1, timeout=CONNECT_SECONDS)
        try:
            queue = broker.default_channel.queue_declare(app.conf.task_default_queue, passive=True)
        except ChannelError:
            return 0  # nothing was ever sent
        return int(queue.message_count)
