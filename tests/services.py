"""A PostgreSQL and a Redis of the tests' own: free ports, a temporary folder, gone afterwards."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

START_SECONDS = 30
REDIS_DATABASES = 64  # a pair for each of pytest's workers
POSTGRESQL_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "300",
    # The data is thrown away: no test waits for a disk.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


class ServiceMissing(Exception):
    """A service is not installed here."""


@contextlib.contextmanager
def run_services() -> Iterator[dict[str, str]]:
    """Yield the GUARDMDM_ variables that point to both; raises ServiceMissing."""
    with tempfile.TemporaryDirectory(prefix="guardmdm-services-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with run_postgresql(folder / "postgresql") as database, run_redis(folder) as broker:
            yield {"GUARDMDM_DATABASE_URL": database, "GUARDMDM_BROKER_URL": broker}


@contextlib.contextmanager
def run_postgresql(
    folder: Path, *, options: Mapping[str, str] = POSTGRESQL_OPTIONS
) -> Iterator[str]:
    """Yield the URL of a new cluster in `folder`; as root it runs as the user postgres."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parts[-2])
    if not binaries:
        raise ServiceMissing("PostgreSQL is not installed")
    as_owner: list[str] = []
    folder.mkdir()
    if os.geteuid() == 0:
        as_owner = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    tool = [*as_owner, str(binaries[-1] / "pg_ctl"), "-D", str(folder / "data"), "-w"]
    port = find_free_port()
    settings = {**options, "port": str(port), "unix_socket_directories": str(folder)}
    arguments = " ".join(f"-c {key}={value}" for key, value in settings.items())
    _run([*tool, "initdb", "-o", "--username=postgres --auth=trust --no-sync"])
    _run([*tool, "start", "-l", str(folder / "log"), "-o", arguments])
    try:
        yield f"postgres://postgres@127.0.0.1:{port}/postgres"
    finally:
        _run([*tool, "stop", "-m", "immediate"])


@contextlib.contextmanager
def run_redis(folder: Path) -> Iterator[str]:
    """Yield the URL of an empty Redis that keeps nothing."""
    program = shutil.which("redis-server")
    if program is None:
        raise ServiceMissing("Redis is not installed")
    port = find_free_port()
    options = {"port": port, "bind": "127.0.0.1", "databases": REDIS_DATABASES, "dir": folder}
    arguments = [text for key, value in options.items() for text in (f"--{key}", str(value))]
    command = [program, *arguments, "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, *, seconds: float = START_SECONDS) -> None:
    """Return when something listens on 127.0.0.1:`port`; raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port} after {seconds:.0f} s")


def _run(command: list[str]) -> None:
    # The server inherits standard output: a pipe would be read until it ends.
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
