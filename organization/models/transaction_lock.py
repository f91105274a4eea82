"""A lock for what no row stands for, held until the transaction ends."""

import hashlib

from django.db import connection

from organization.models.statement import Statement

LOCK = Statement("SELECT pg_advisory_xact_lock(%s)")


def lock_until_commit(name: str) -> None:
    """Wait until no other transaction holds `name`, and hold it to this one's end.

    Statements after it see what those before have committed (READ COMMITTED, PostgreSQL's default
    and ours). Transactions of SQLite are IMMEDIATE, so they are one after another anyway.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a lock until the commit needs a transaction")
    if connection.vendor == "postgresql":
        digest = hashlib.sha256(name.encode()).digest()
        LOCK.fetch(connection, [int.from_bytes(digest[:8], signed=True)])
