"""A PostgreSQL and a Redis of the tests' own: free ports, a temporary folder, gone afterwards.

Also when the process that has started them is killed.
"""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

START_SECONDS = 120
PORTS = range(16_384, 32_768)  # below those of clients, and of who asks for any
PORTS_A_PROCESS = 97
_found = itertools.count()
REDIS_DATABASES = 64  # a pair for each of 16 workers of pytest, and one for its server
POSTGRESQL_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "300",
    # The data is thrown away: no test waits for a disk. A commit is still written before it is
    # confirmed, so it outlives the server, not the machine.
    "fsync": "off",
    "full_page_writes": "off",
    # Between two tests it would find tables that are empty at that moment, and the next test's
    # plans and times would hang on that. What such plans must not do: tests/devices/test_plans.py.
    "autovacuum": "off",
}


# A line says that it is time; the end of the file, that who should have said so was killed.
WAIT_AND_RUN = """
read -r _ || was_killed=1
"$@"
code=$?
[ -z "$was_killed" ] || rm -rf "$0"
exit $code
"""


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


class Ending:
    """A command that runs at `run`, or when this process ends without it, whatever ends it.

    Then `leftovers` are deleted as well. A shell in a session of its own waits for that, so it
    outlives a signal for the whole process group.
    """

    def __init__(self, command: Sequence[str], *, leftovers: Path | str = "") -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", WAIT_AND_RUN, str(leftovers), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def run(self) -> None:
        """Raises subprocess.CalledProcessError."""
        self._shell.communicate(b"\n")
        subprocess.CompletedProcess(self._shell.args, self._shell.returncode).check_returncode()


def build_ending(process: subprocess.Popen[bytes]) -> Ending:
    """Return what tells the process to end, unless it has ended."""
    return Ending(["/bin/sh", "-c", f"kill {process.pid} 2>/dev/null || true"])


class PostgreSQL:
    """A cluster in `folder` that is stopped and started at will; as root it runs as postgres.

    Raises ServiceMissing.
    """

    def __init__(self, folder: Path, *, options: Mapping[str, str] = POSTGRESQL_OPTIONS) -> None:
        binaries = sorted(
            Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parts[-2]
        )
        if not binaries:
            raise ServiceMissing("PostgreSQL is not installed")
        as_owner: list[str] = []
        folder.mkdir()
        if os.geteuid() == 0:
            as_owner = ["runuser", "-u", "postgres", "--"]
            shutil.chown(folder, "postgres")
        self._folder = folder
        self._tool = [*as_owner, str(binaries[-1] / "pg_ctl"), "-D", str(folder / "data"), "-w"]
        port = find_free_port()
        settings = {**options, "port": str(port), "unix_socket_directories": str(folder)}
        self._arguments = " ".join(f"-c {key}={value}" for key, value in settings.items())
        self.url = f"postgres://postgres@127.0.0.1:{port}/postgres"
        _run([*self._tool, "initdb", "-o", "--username=postgres --auth=trust --no-sync"])

    def start(self) -> None:
        # At once, as when the machine fails; what was committed is there after a start.
        stop = [*self._tool, "stop", "-m", "immediate"]
        self._ending = Ending(stop, leftovers=self._folder)
        _run([*self._tool, "start", "-l", str(self._folder / "log"), "-o", self._arguments])

    def stop(self) -> None:
        self._ending.run()


@contextlib.contextmanager
def run_postgresql(
    folder: Path, *, options: Mapping[str, str] = POSTGRESQL_OPTIONS
) -> Iterator[str]:
    """Yield the URL of a new cluster in `folder`."""
    cluster = PostgreSQL(folder, options=options)
    cluster.start()
    try:
        yield cluster.url
    finally:
        cluster.stop()


class Redis:
    """A Redis on a port of its own that keeps nothing; raises ServiceMissing."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise ServiceMissing("Redis is not installed")
        self.port = find_free_port()
        options = {
            "port": self.port, "bind": "127.0.0.1", "databases": REDIS_DATABASES, "dir": folder,
        }  # fmt: skip
        arguments = [text for key, value in options.items() for text in (f"--{key}", str(value))]
        self._command = [program, *arguments, "--save", "", "--appendonly", "no"]
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        self._ending = build_ending(self._process)
        wait_for_port(self.port)

    @contextlib.contextmanager
    def hung(self) -> Iterator[None]:
        """It takes connections and answers nothing, as behind a network that has broken."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None:
            self._ending.run()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def run_redis(folder: Path) -> Iterator[str]:
    """Yield the URL of an empty Redis that keeps nothing."""
    redis = Redis(folder)
    try:
        redis.start()
        yield redis.url
    finally:
        redis.stop()


def find_free_port() -> int:
    """A port that is still free when a server has come up: the system gives PORTS to nobody."""
    while True:
        port = PORTS[(os.getpid() * PORTS_A_PROCESS + next(_found)) % len(PORTS)]
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def create_database(url: str, *, name: str) -> str:
    """An empty PostgreSQL database beside the given one; returns its URL."""
    import psycopg2

    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        connection.cursor().execute(f'CREATE DATABASE "{name}"')
    return urlsplit(url)._replace(path=f"/{name}").geturl()


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
