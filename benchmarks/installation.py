"""A server of the benchmark's own: a temporary data folder, a free port, `manage.py serve`."""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import read_cpu_seconds
from tests.services import build_ending, find_free_port, run_postgresql

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 180
IDLE_SHARE = 0.1
"""Of one core; less is rest."""
# PostgreSQL as it comes, with its disk writes; only a little more memory.
POSTGRESQL_OPTIONS = {"listen_addresses": "127.0.0.1", "shared_buffers": "256MB"}


@dataclass(frozen=True)
class Database:
    """Where the server's rows are. `process`: PostgreSQL's first process, None for SQLite."""

    kind: str
    url: str
    process: int | None = None


@dataclass
class Installation:
    """A data folder and its settings; `port` is the web server's, `extra` further variables."""

    folder: Path
    database: Database
    port: int = field(default_factory=find_free_port)
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments: str) -> Any:
        """Run a command of manage.py that has --json; return what it prints."""
        return self.run(sys.executable, "manage.py", *arguments, "--json")

    def run(self, *command: str) -> Any:
        """Run a command in the installation's environment; return the JSON that it prints."""
        done = subprocess.run(
            command, cwd=ROOT, env=self._environ(), capture_output=True, check=True
        )
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def serve(self, *, workers: int, cores: str) -> Iterator[int]:
        """Run the server on these cores (like "0" or "0,1"); yield its first process."""
        command = ["taskset", "-c", cores, sys.executable, "manage.py", "serve"]
        command += ["--port", str(self.port), "--workers", str(workers)]
        with (self.folder / "serve.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self._environ(), stdout=log, stderr=log
            )
            ending = build_ending(process)
            try:
                self._wait(process)
                wait_until_idle(process.pid)
                yield process.pid
            finally:
                ending.run()
                process.wait()

    @contextlib.contextmanager
    def work(self, *, cores: str) -> Iterator[int]:
        """Run one worker alone on these cores, at rest; yield the first of its processes."""
        command = ["taskset", "-c", cores, sys.executable, "-m", "celery", "-q", "-A", "guardmdm"]
        command += ["worker", "--concurrency", "1", "--without-gossip", "--without-mingle"]
        with (self.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self._environ(), stdout=log, stderr=log
            )
            ending = build_ending(process)
            try:
                wait_until_idle(process.pid)
                yield process.pid
            finally:
                ending.run()
                process.wait()

    def run_module(self, module: str, *arguments: str) -> None:
        """Run a module of the benchmarks with the installation's settings."""
        command = [sys.executable, "-m", module, *arguments]
        subprocess.run(command, cwd=ROOT, env=self._environ(), check=True)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.url}/healthz", timeout=2).close()  # noqa: S310
                return
            time.sleep(0.2)
        said = (self.folder / "serve.log").read_text()[-2000:]
        raise RuntimeError(f"the server does not answer; it said:\n{said}")

    def _environ(self) -> dict[str, str]:
        kept = {key: text for key, text in os.environ.items() if not key.startswith("GUARDMDM_")}
        return {
            **kept,
            "GUARDMDM_DATA_DIR": str(self.folder),
            "GUARDMDM_DATABASE_URL": self.database.url,
            "GUARDMDM_BASE_URL": self.url,
            **self.extra,
        }


def wait_until_idle(process: int) -> None:
    """Return when the workers beside the web server have started too, and rest."""
    deadline, before = time.monotonic() + START_SECONDS, read_cpu_seconds(process)
    while time.monotonic() < deadline:
        time.sleep(1)
        now = read_cpu_seconds(process)
        if now - before < IDLE_SHARE:
            return
        before = now
    raise RuntimeError("the server does not come to rest")


@contextlib.contextmanager
def open_database(kind: str, *, folder: Path) -> Iterator[Database]:
    """Yield an empty database: "sqlite" in `folder`, or a "postgresql" server in it."""
    if kind == "sqlite":
        yield Database(kind, f"sqlite:///{folder / 'guardmdm.sqlite3'}")
        return
    with run_postgresql(folder / "postgresql", options=POSTGRESQL_OPTIONS) as url:
        first = (folder / "postgresql" / "data" / "postmaster.pid").read_text().splitlines()[0]
        yield Database(kind, url, process=int(first))


@contextlib.contextmanager
def connect(database: Database) -> Iterator[Any]:
    """Yield a cursor past Django, for rows by the million; commits at the end."""
    if database.kind == "sqlite":
        import sqlite3

        connection: Any = sqlite3.connect(database.url.removeprefix("sqlite:///"))
    else:
        import psycopg2

        connection = psycopg2.connect(database.url)
    with contextlib.closing(connection):
        yield connection.cursor()
        connection.commit()


def copy_row(
    database: Database, *, table: str, count: int, changes: Mapping[str, str], where: str
) -> None:
    """Copy the one row `where`, `count` times by SQL; `changes`: SQL for columns that differ.

    In these expressions {random} is 32 random hexadecimal digits.
    """
    is_sqlite = database.kind == "sqlite"
    random = "lower(hex(randomblob(16)))" if is_sqlite else "md5(random()::text || n::text)"
    numbers = f"generate_series(1, {count}) AS numbers(n)"
    if is_sqlite:
        numbers = (
            f"(WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted "  # noqa: S608
            f"WHERE n < {count}) SELECT n FROM counted) AS numbers"
        )
    with connect(database) as cursor:
        cursor.execute(f"SELECT * FROM {table} LIMIT 0")  # noqa: S608
        columns: Sequence[str] = [name for name, *_ in cursor.description if name != "id"]
        values = [changes.get(name, f"row.{name}").format(random=random) for name in columns]
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "  # noqa: S608
            f"FROM {numbers}, {table} AS row WHERE {where}"
        )
        cursor.execute("ANALYZE")
    if is_sqlite:
        with connect(database) as cursor:
            # Else the first requests afterwards would carry two gigabytes from the log.
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def settle(database: Database) -> None:
    """Leave many new rows as years of work would have.

    Else PostgreSQL's autovacuum reads all of them again, and its checkpointer writes them, beside
    what is measured next.
    """
    if database.kind == "sqlite":
        return
    with connect(database) as cursor:
        cursor.connection.autocommit = True
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
