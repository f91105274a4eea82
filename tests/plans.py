"""PostgreSQL made to know nothing of its tables, and the rows that its plans then read."""

from collections.abc import Collection

from django.db import connection


def pretend(tables: Collection[str], *, rows: int) -> None:
    """Until the transaction ends, PostgreSQL believes that each table has so many (-1: unknown)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_class SET reltuples = %s, relpages = pg_relation_size(oid) / 8192 "
            "WHERE relname = ANY(%s)",
            [rows, list(tables)],
        )
        cursor.execute(
            "DELETE FROM pg_statistic WHERE starelid = ANY(%s::text[]::regclass[])", [list(tables)]
        )


def count_rows_read(tables: Collection[str]) -> dict[str, int]:
    """Return how many rows this transaction has read of each so far."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) "
            "FROM pg_stat_xact_user_tables WHERE relname = ANY(%s)",
            [list(tables)],
        )
        return dict(cursor.fetchall())
