"""Can this process do its work: the database and the broker, asked and not assumed."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

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
