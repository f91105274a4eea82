"""A kept connection is looked at without a round trip, no text has a second index, no JIT.

At the first statement of each request Django asks the server `SELECT 1`, which costs both sides as
much as any other statement. A server that has ended a session has closed its socket: it can be
read from, although nothing was asked. Only then is the question worth its answer.
"""

import ctypes
import select
from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql import base, schema

NOW = 0


class _Polled(ctypes.Structure):
    """POSIX's struct pollfd."""

    _fields_ = (
        ("descriptor", ctypes.c_int),
        ("events", ctypes.c_short),
        ("found", ctypes.c_short),
    )


# Unlike select.poll, this keeps the interpreter: another thread would take it, and to get it back
# costs ten times as much as this look, which waits for nothing (docs/adr/0265).
_poll = ctypes.PyDLL(None).poll
_poll.argtypes = (ctypes.POINTER(_Polled), ctypes.c_ulong, ctypes.c_int)


class SchemaEditor(schema.DatabaseSchemaEditor):
    """Django's, without the second index of each indexed text, for LIKE 'a%' (docs/adr/0182)."""

    def _create_like_index_sql(self, model: Any, field: Any) -> None:
        return None


class DatabaseWrapper(base.DatabaseWrapper):
    SchemaEditorClass = SchemaEditor
    before_disk: Callable[[], None] = staticmethod(lambda: None)
    """Called when a commit is about to wait for the disk (guardmdm.turns)."""

    def init_connection_state(self) -> None:
        super().init_connection_state()
        with self.cursor() as cursor:
            cursor.execute("SET jit = off")
        if not self.get_autocommit():
            self.connection.commit()  # else a rollback would take it back

    def commit(self) -> None:
        self.before_disk()
        super().commit()

    def is_usable(self) -> bool:
        if self.connection is None or self.connection.closed:
            return False
        if _is_silent(self.connection):
            return True
        return bool(super().is_usable())


def _is_silent(connection: Any) -> bool:
    """Whether the server has sent nothing (its farewell, a warning) since the last answer."""
    polled = _Polled(connection.fileno(), select.POLLIN)
    return bool(_poll(polled, 1, NOW) == 0)
