"""Ends connections whose client never finishes its body, or never takes its answer.

granian's threads wait for both without end. Nothing but the connection itself can end such a wait,
and granian hands out neither the connection nor the client's port. But in HTTP/1 the server sends
nothing while it waits for a body, and nothing to a client that takes nothing. So when a wait is
overdue, the connections from its address on which this process has been silent for as long are
shut down: the overdue ones are among them, the others are idle. Linux tells how long that is;
elsewhere there is no deadline.
"""

import contextlib
import logging
import os
import socket
import struct
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path

PATIENCE_SECONDS = 30.0
"""What a whole body may take; 10 MB need 2.7 Mbit/s."""
CROWD = 24
"""Where more threads than this wait, an address that several of them wait for has CROWD_SECONDS."""
CROWD_SECONDS = 10.0
LAST_DATA_SENT = 44
"""Where tcpi_last_data_sent (32 bits, milliseconds) stands in struct tcp_info of linux/tcp.h."""
FAMILIES = (socket.AF_INET, socket.AF_INET6)
OPEN_FILES = Path("/proc/self/fd")
logger = logging.getLogger(__name__)

Wait = tuple[str, float]
"""The client's address, and when the wait began (monotonic seconds)."""


class SlowClients:
    """The waits of this process's threads for clients, and a thread that ends them."""

    def __init__(self) -> None:
        self._waits: dict[int, Wait] = {}
        self._port = 0
        threading.Thread(target=self._watch, name="slow clients", daemon=True).start()

    def waiting(self, address: str, *, port: int) -> "Waiting":
        """Return what is entered while this thread waits for a client; `port`: the server's."""
        self._port = port
        return Waiting(self._waits, address)

    def _watch(self) -> None:
        while True:
            time.sleep(1)
            waits = list(self._waits.values())
            for address, seconds in find_overdue(waits, now=time.monotonic()):
                count = shut_down(address, port=self._port, silent_for=seconds)
                logger.warning("%s: %d connections of a slow client ended", address, count)


class Waiting:
    """A thread's wait for one client; plainer than a generator, for each request has one."""

    __slots__ = ("_address", "_thread", "_waits")

    def __init__(self, waits: dict[int, Wait], address: str) -> None:
        self._waits, self._address, self._thread = waits, address, threading.get_ident()

    def __enter__(self) -> None:
        self._waits[self._thread] = (self._address, time.monotonic())

    def __exit__(self, *_error: object) -> None:
        del self._waits[self._thread]


def find_overdue(waits: Iterable[Wait], *, now: float) -> list[tuple[str, float]]:
    """Return the addresses that are overdue, with the seconds that each may take."""
    ages: dict[str, list[float]] = defaultdict(list)
    for address, began in waits:
        ages[address].append(now - began)
    is_crowded = sum(map(len, ages.values())) > CROWD
    overdue = []
    for address, seconds in ages.items():
        patience = CROWD_SECONDS if is_crowded and len(seconds) > 1 else PATIENCE_SECONDS
        if max(seconds) >= patience:
            overdue.append((address, patience))
    return overdue


def shut_down(address: str, *, port: int, silent_for: float) -> int:
    """End the connections from `address` to `port` that nothing was sent on for so many seconds.

    Returns how many there were.
    """
    count = 0
    for connection in _list_sockets() if sys.platform == "linux" else ():
        with connection, contextlib.suppress(OSError):  # not connected, or gone meanwhile
            if connection.family not in FAMILIES or connection.getsockname()[1] != port:
                continue
            peer = connection.getpeername()[0].partition("%")[0]
            if ip_address(peer) == ip_address(address) and _get_silence(connection) >= silent_for:
                connection.shutdown(socket.SHUT_RDWR)
                count += 1
    return count


def _list_sockets() -> Iterator[socket.socket]:
    """Yield a copy of each socket: granian may close its own, and the number be used again."""
    for path in list(OPEN_FILES.iterdir()):
        with contextlib.suppress(OSError):
            if path.is_socket():
                copy = os.dup(int(path.name))
                try:
                    found = socket.socket(fileno=copy)
                except OSError:
                    os.close(copy)
                    continue
                yield found


def _get_silence(connection: socket.socket) -> float:
    state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_DATA_SENT + 4)
    milliseconds: int = struct.unpack_from("=I", state, LAST_DATA_SENT)[0]
    return milliseconds / 1000
