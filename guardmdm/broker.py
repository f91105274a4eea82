"""The embedded broker: kombu's filesystem transport, with messages that appear whole or not at all.

kombu writes a message into the file that a worker may already be reading, and moves
taken ones through /tmp; either can lose a message or stop the worker that reads half.
"""

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

SUFFIX = ".msg"
READ_TRIES = 5


class Channel(filesystem.Channel):
    """Messages are files named `<milliseconds>_<uuid>.<queue>.msg`, oldest first."""

    def _put(self, queue: Any, payload: Any, **options: Any) -> None:
        folder = Path(self.data_folder_out)
        name = f"{time.time_ns() // 1_000_000:015d}_{uuid.uuid4()}"
        draft = folder / f".{name}"
        draft.write_text(dumps(payload))
        draft.rename(folder / f"{name}.{queue}{SUFFIX}")

    def _get(self, queue: str) -> Any:
        folder = Path(self.data_folder_in)
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 - names only, this runs often
            if name.startswith(".") or not name.endswith(f".{queue}{SUFFIX}"):
                continue
            taken = folder / f".taken-{name}"
            try:
                (folder / name).rename(taken)
            except FileNotFoundError:  # another worker was faster
                continue
            payload = loads(taken.read_text())
            taken.unlink()
            return payload
        raise filesystem.Empty

    def get_table(self, exchange: str) -> Any:
        """Read the exchange's bindings; its file is empty for a moment while it is made."""
        return _retry(lambda: super(Channel, self).get_table(exchange))

    def _queue_bind(self, *arguments: Any) -> None:
        _retry(lambda: super(Channel, self)._queue_bind(*arguments))


def _retry(call: Callable[[], Any]) -> Any:
    for _ in range(READ_TRIES):
        try:
            return call()
        except ValueError:
            time.sleep(0.02)
    return call()


class Transport(filesystem.Transport):
    Channel = Channel
    polling_interval = 0.2  # seconds: how long a task waits at most for an idle worker
