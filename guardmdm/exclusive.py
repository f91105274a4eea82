"""One set-up at a time, also across processes and machines; one server in a data folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

EMBEDDED = "filesystem"
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


class FolderInUse(Exception):
    """Another server works with this data folder; the text says which folder."""


@contextmanager
def hold_data_folder() -> Iterator[None]:
    """Raises FolderInUse where `serve` runs with this folder: two would spoil each other's queue.

    With Redis nothing is kept there that two could spoil.
    """
    if not settings.CELERY_BROKER_URL.startswith(EMBEDDED):
        yield
        return
    with (settings.DATA_DIR / "serve.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUse(
                f"Another server runs with the data folder {settings.DATA_DIR}. Stop it, or set "
                "GUARDMDM_DATA_DIR to a folder of its own."
            ) from error
        yield
