"""One set-up at a time, also across processes and machines."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

ADVISORY_LOCK = 0x6775617264  # "guard"


@contextmanager
def hold_set_up_lock() -> Iterator[None]:
    """Wait until no other process sets this server up.

    PostgreSQL's advisory lock where there is one; beside SQLite, which never has more
    than one machine, a lock file in the data folder.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])
        return
    with (settings.DATA_DIR / "set-up.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
