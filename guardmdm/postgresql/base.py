"""Fewer round trips: a kept connection is looked at without one, a transaction begins without one.

At the first statement of each request Django asks the server `SELECT 1`, which costs both sides as
much as any other statement. A server that has ended a session has closed its socket: it can be
read from, although nothing was asked. Only then is the question worth its answer.

BEGIN goes to the server with the transaction's first statement, and statements whose outcome
nobody asks for go with what comes next, COMMIT at the latest (docs/adr/0181). So psycopg2 is left
in autocommit, in which it sends what it is told and nothing of its own.
"""

import select
from collections.abc import Sequence
from typing import Any

from django.db.backends.postgresql import base, schema
from django.db.backends.utils import debug_transaction
from psycopg2 import Error, ProgrammingError
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_UNKNOWN
from psycopg2.extensions import cursor as PlainCursor

NOW = 0
BEGIN = b"BEGIN"
ENDED = (TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_UNKNOWN)


class SchemaEditor(schema.DatabaseSchemaEditor):
    """Django's, without the second index of each indexed text, for LIKE 'a%' (docs/adr/0182)."""

    def _create_like_index_sql(self, model: Any, field: Any) -> None:
        return None


class DatabaseWrapper(base.DatabaseWrapper):
    SchemaEditorClass = SchemaEditor

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._begin = BEGIN
        self._unsent: list[bytes] = []

    def is_usable(self) -> bool:
        if self.connection is None or self.connection.closed:
            return False
        if _is_silent(self.connection):
            return True
        return bool(super().is_usable())

    def execute(self, sql: str, values: Sequence[Any]) -> Any:
        """Run the statement, and before it what waits to be sent along; return its cursor."""
        cursor = self._open_cursor()
        if self._unsent:
            self._send_with(cursor, cursor.mogrify(sql, values))
        else:
            cursor.execute(sql, values)
        return cursor

    def execute_later(self, sql: str, values: Sequence[Any]) -> None:
        """Run the statement with the next one of this transaction, or with its COMMIT."""
        self._unsent.append(self._open_cursor().mogrify(sql, values))

    def send(self) -> None:
        """Run what waits, for somebody who sends something himself."""
        if self._unsent:
            self._send_with(self._open_cursor())

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.cursor_factory = SendingCursor
        self._begin, self._unsent = BEGIN, []
        if "isolation_level" in self.settings_dict["OPTIONS"]:
            level: str = self.isolation_level.name.replace("_", " ")  # type: ignore[attr-defined]
            self._begin += f" ISOLATION LEVEL {level}".encode()
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        cursor = super().create_cursor(name)
        cursor.database = self
        return cursor

    def _open_cursor(self) -> Any:
        cursor = self.connection.cursor(cursor_factory=PlainCursor)
        cursor.tzinfo_factory = self.tzinfo_factory
        return cursor

    def _set_autocommit(self, autocommit: bool) -> None:
        with self.wrap_database_errors:
            if not self.connection.autocommit:  # psycopg2's, once for a connection
                self.connection.autocommit = True
            is_empty = self._unsent in ([], [self._begin])
            if not is_empty or self.connection.get_transaction_status() not in ENDED:
                raise ProgrammingError("autocommit cannot be changed inside a transaction")
        self._unsent = [] if autocommit else [self._begin]

    def _savepoint_rollback(self, sid: str) -> None:
        self._unsent = []  # it came after the savepoint, which was sent at once
        super()._savepoint_rollback(sid)  # type: ignore[misc]

    def _commit(self) -> None:
        with debug_transaction(self, "COMMIT"), self.wrap_database_errors:
            self._end(b"COMMIT")

    def _rollback(self) -> None:
        self._unsent = self._unsent[:1] if self._is_unbegun() else []
        with debug_transaction(self, "ROLLBACK"), self.wrap_database_errors:
            self._end(b"ROLLBACK")

    def _end(self, command: bytes) -> None:
        """End the transaction, where one has begun; the next one begins like the first."""
        if self.connection is None or self.autocommit:
            return
        if self._unsent != [self._begin]:
            self._open_cursor().execute(self._join(command))
        self._unsent = [self._begin]

    def _is_unbegun(self) -> bool:
        return self._unsent[:1] == [self._begin]

    def _send_with(self, cursor: Any, *more: bytes) -> None:
        is_beginning, statements = self._is_unbegun(), [*self._unsent, *more]
        try:
            cursor.execute(self._join(*more))
        except Error:
            if is_beginning and self.connection.get_transaction_status() == TRANSACTION_STATUS_IDLE:
                # What cannot be parsed is refused as a whole, and BEGIN with it. Without one, the
                # statements that follow would each be committed.
                for each in statements:
                    cursor.execute(each)
            raise

    def _join(self, *more: bytes) -> bytes:
        unsent, self._unsent = self._unsent, []
        return b"; ".join([*unsent, *more])


class SendingCursor(PlainCursor):
    """Django's: whatever it executes comes after what waits to be sent."""

    database: DatabaseWrapper | None = None

    def execute(self, query: Any, vars: Any = None) -> None:
        self._send()
        super().execute(query, vars)

    def executemany(self, query: Any, vars_list: Any) -> None:
        self._send()
        super().executemany(query, vars_list)

    def callproc(self, procname: Any, parameters: Any = None) -> None:
        self._send()
        super().callproc(procname, parameters)

    def _send(self) -> None:
        if self.database is not None:
            self.database.send()


def _is_silent(connection: Any) -> bool:
    """Whether the server has sent nothing (its farewell, a warning) since the last answer."""
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    return not waiting.poll(NOW)
