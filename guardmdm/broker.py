"""The embedded broker: kombu's filesystem transport, with messages that appear whole or not at all.

kombu writes a message into the file that a worker may already be reading, and moves
taken ones through /tmp; either can lose a message or stop the worker that reads half.
What it cannot read or write is an OSError here, as with any broker that is out of reach.
"""

import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem

logger = logging.getLogger(__name__)
SUFFIX = ".msg"
READ_TRIES = 10
READ_PAUSE = 0.02  # seconds


class Channel(filesystem.Channel):
    """Messages are files named `<nanoseconds>_<uuid>.<queue>.msg`, oldest first."""

    def _put(self, queue: str, payload: Any, **options: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        name = f"{time.time_ns():020d}_{uuid.uuid4()}"
        draft = folder / f".{name}"
        try:
            draft.write_text(json.dumps(payload))
            draft.rename(folder / f"{name}.{queue}{SUFFIX}")
        except OSError:  # nobody looks for the draft of a full disk again
            draft.unlink(missing_ok=True)
            raise

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        folder = Path(self.data_folder_in)
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 - names only, this runs often
            if name.startswith(".") or not name.endswith(f".{queue}{SUFFIX}"):
                continue
            taken = folder / f".taken-{name}"
            try:
                (folder / name).rename(taken)
            except FileNotFoundError:  # another worker was faster
                continue
            payload = _read_whole(taken)
            taken.unlink()
            if payload is not None:
                return payload
        raise Empty

    def get_table(self, exchange: str) -> Any:
        """Read the exchange's bindings; its file is empty for a moment while it is made.

        No binding at all is looked at again: kombu calls a queue bound before it has
        written so, and another thread's message would be dropped in between.
        """
        for _ in range(READ_TRIES):
            with _out_of_reach():
                table = _retry(lambda: super(Channel, self).get_table(exchange))  # type: ignore[no-untyped-call]
            if table:
                return table
            time.sleep(READ_PAUSE)
        return []

    def _queue_bind(self, exchange: str, *arguments: Any) -> None:
        """Add a binding; a file that stays unreadable, as a full disk leaves it, is made anew."""

        def bind() -> None:
            super(Channel, self)._queue_bind(exchange, *arguments)  # type: ignore[no-untyped-call]

        with _out_of_reach():
            try:
                _retry(bind)
            except ValueError:
                self._exchange_file(exchange).unlink(missing_ok=True)
                _retry(bind)


def _read_whole(message: Path) -> Any:
    """Return what it says; None for one that a machine without power has cut."""
    try:
        return json.loads(message.read_text())
    except ValueError:
        logger.warning("A task in the queue is damaged; the sweep will do it")
        return None


@contextmanager
def _out_of_reach() -> Iterator[None]:
    try:
        yield
    except (ChannelError, ValueError) as error:
        raise OSError(f"the queue's bindings cannot be used: {error}") from error


def _retry(call: Callable[[], Any]) -> Any:
    for _ in range(READ_TRIES):
        try:
            return call()
        except ValueError:
            time.sleep(READ_PAUSE)
    return call()


class Transport(filesystem.Transport):
    Channel = Channel
    polling_interval = 0.2  # seconds: how long a task waits at most for an idle worker
