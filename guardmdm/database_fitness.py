"""What the server behind the database's URL has to give: sessions of our own, and Unicode."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.recorder import MigrationRecorder

LOOKS = 10
"""How often two connections are compared: others may take a pool's session in between."""
ENCODING = "UTF8"


@dataclass(frozen=True)
class Misfit:
    """What is not as it has to be; `fix` says how to mend it."""

    text: str
    fix: str


class DatabaseUnfit(Exception):
    """Nothing can be set up in this database."""


SHARED_SESSIONS = Misfit(
    "a connection pool gives each transaction another of PostgreSQL's sessions",
    "Name PostgreSQL itself in GUARDMDM_DATABASE_URL, or let the pool keep a session for each "
    "connection (PgBouncer: pool_mode = session).",
)


def find_misfit() -> Misfit | None:
    """Raises django.db.DatabaseError without a database."""
    if connection.vendor != "postgresql":
        return None
    with _open_another() as another:
        if are_sessions_shared(connection, another):
            return SHARED_SESSIONS
    return _find_wrong_encoding()


def require_fit_database() -> None:
    """Raises DatabaseUnfit, before anything is written.

    An encoding that nobody has minded stops no server that runs: there the doctor tells.
    """
    misfit = find_misfit()
    if misfit == SHARED_SESSIONS or (misfit and not MigrationRecorder(connection).has_table()):
        raise DatabaseUnfit(f"This database will not do: {misfit.text}. {misfit.fix}")


def are_sessions_shared(one: Any, another: Any) -> bool:
    """Whether two open connections, in no transaction, have been given the same session.

    Prepared statements, settings and locks belong to a session (docs/adr/0288). A connection that
    was given two has none of its own either.
    """
    of_one: set[int] = set()
    of_another: set[int] = set()
    for _ in range(LOOKS):
        of_one.add(_ask_session(one))
        # Twice: a pool of two sessions that it gives in turn is not to keep step with us.
        of_another.update((_ask_session(another), _ask_session(another)))
    return len(of_one) > 1 or len(of_another) > 1 or of_one == of_another


def _ask_session(database: Any) -> int:
    """Not the number told at the connection's start, which is a pool's own."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


@contextmanager
def _open_another() -> Iterator[Any]:
    another = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        yield another
    finally:
        another.close()


def _find_wrong_encoding() -> Misfit | None:
    """PostgreSQL takes the locale's when nobody says which; with C that is SQL_ASCII."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        (encoding,) = cursor.fetchone()
    if encoding == ENCODING:
        return None
    return Misfit(
        f"its encoding is {encoding}, which cannot hold every name",
        "Make it anew: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0 (with a locale of "
        "that encoding). What is in the old one comes over by backup and restore.",
    )
