"""While a request waits for a server of somebody else's, others of its process have its turn."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.db import DEFAULT_DB_ALIAS, connections

from organization.errors import ManyAreWaiting

MOST = 16
"""Of one process: of its threads (guardmdm.serving.WEB_THREADS) as many are left for clients."""
PLACE_SECONDS = 1.0
_places = BoundedSemaphore(MOST)


@contextmanager
def waiting_for_another_server() -> Iterator[None]:
    """Give the request's turn back, with the connections to the database, and take one anew after.

    Inside, the database must not be asked. Where a transaction is open, or there is no turn as in
    a worker, nothing is given back. Raises ManyAreWaiting after PLACE_SECONDS where MOST do so.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    turn = getattr(connection, "turn", None)
    if turn is None or connection.in_atomic_block:
        yield
        return
    turn.end()
    try:
        with _taking_place():
            yield
    finally:
        turn.begin()


@contextmanager
def _taking_place() -> Iterator[None]:
    if not _places.acquire(timeout=PLACE_SECONDS):
        raise ManyAreWaiting(f"{MOST} requests wait for other servers already")
    try:
        yield
    finally:
        _places.release()
