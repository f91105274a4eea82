"""Which processes listen on a port, where the system tells (Linux's /proc; proc(5))."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TABLES = ("net/tcp", "net/tcp6")
LISTENS = "0A"
LONGEST_COMMAND = 60


@dataclass(frozen=True)
class Holder:
    pid: int
    command: str


def find_port_holders(port: int) -> list[Holder]:
    """Return who listens on the port, of the processes that this user may look into."""
    sockets = {f"socket:[{inode}]" for inode in _list_inodes(port)}
    if not sockets:
        return []
    return [Holder(int(each.name), _read_command(each)) for each in _list_open(sockets)]


def _list_inodes(port: int) -> Iterator[str]:
    for table in TABLES:
        with contextlib.suppress(OSError):
            for line in (PROC / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENS and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    yield fields[9]


def _list_open(sockets: set[str]) -> Iterator[Path]:
    for process in sorted(PROC.glob("[0-9]*"), key=lambda each: int(each.name)):
        with contextlib.suppress(OSError):  # another user's, or gone meanwhile
            if any(str(each.readlink()) in sockets for each in (process / "fd").iterdir()):
                yield process


def _read_command(process: Path) -> str:
    with contextlib.suppress(OSError):
        words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        return " ".join(words).strip()[:LONGEST_COMMAND]
    return ""
