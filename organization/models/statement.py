"""One SQL statement, handed to the database's driver without Django's cursors in between.

They work out its placeholders anew each time and pass it through five functions, which costs as
much as what SQLite does with it (40 µs). They are used where somebody looks on: where queries are
logged (assertNumQueries) or have wrappers.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

Values = Sequence[Any]
# By PostgreSQL's connection: the names of the statements that it knows.
_prepared: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


class Statement:
    """SQL with `%s` in place of its values. PostgreSQL parses it once for each connection.

    `waits_for_disk`: it is a transaction of its own on PostgreSQL, and a durable one.
    """

    def __init__(self, sql: str, *, waits_for_disk: bool = False) -> None:
        self.sql, self._waits_for_disk = sql, waits_for_disk
        self.name = f"guardmdm_{hashlib.sha256(sql.encode()).hexdigest()[:16]}"
        pieces = sql.replace("%%", "%").split("%s")
        numbered = [f"{piece}${number}" for number, piece in enumerate(pieces[:-1], start=1)]
        self._with_marks = "?".join(pieces)
        self._prepare = f"PREPARE {self.name} AS {''.join(numbered)}{pieces[-1]}"
        places = ", ".join(["%s"] * len(numbered))
        self._execute = f"EXECUTE {self.name}({places})" if numbered else f"EXECUTE {self.name}"

    def fetch(self, database: Any, values: Values) -> list[tuple[Any, ...]]:
        """Return all rows; raises django.db.Error. `database`: a connection of Django's."""
        with database.wrap_database_errors:
            found: list[tuple[Any, ...]] = self._run(database, values).fetchall()
        return found

    def run(self, database: Any, values: Values) -> int:
        """Return how many rows were changed; raises django.db.Error."""
        with database.wrap_database_errors:
            return int(self._run(database, values).rowcount)

    def _run(self, database: Any, values: Values) -> Any:
        """Return a cursor that has run it."""
        is_watched = database.queries_logged or database.execute_wrappers
        if not is_watched:
            # What Django does before each statement.
            database.close_if_health_check_failed()
            if database.connection is None:
                database.ensure_connection()
            database.validate_no_broken_transaction()
            if database.vendor == "sqlite":
                return database.connection.execute(self._with_marks, values)
        cursor = database.cursor() if is_watched else database.create_cursor()
        if self._waits_for_disk:
            database.before_disk()
        cursor.execute(self._get_sql(database), values)
        return cursor

    def _get_sql(self, database: Any) -> str:
        if database.vendor != "postgresql":
            return self.sql
        session = database.connection
        prepared = _prepared.setdefault(session, set())
        if self.name not in prepared:
            # Past Django's count of queries: it belongs to the connection, not to a request.
            with session.cursor() as own:
                own.execute(self._prepare)
            prepared.add(self.name)
        return self._execute


def adapt_moment(value: datetime, database: Any) -> Any:
    """Return what the driver takes for this moment, as Django writes it.

    PostgreSQL reads it from text: for each moment as an object psycopg2 makes three others.
    """
    if database.vendor == "postgresql" and value.tzinfo is not None:
        return value.isoformat(" ")
    if database.vendor == "sqlite" and value.tzinfo is database.timezone:
        return str(value.replace(tzinfo=None))
    return database.ops.adapt_datetimefield_value(value)
