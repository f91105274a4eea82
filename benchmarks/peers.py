"""The leading open-source servers, run beside ours where their programs are at hand."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2

from benchmarks.beside import Side
from benchmarks.installation import Database
from tests.services import find_free_port, wait_for_port

SCHEMA = Path("storage") / "pgsql" / "schema.sql"


class PeerMissing(Exception):
    """A peer's program, or what belongs to it, is not here."""


def find_program(name: str, *, given: Path | None) -> Path:
    """Return a Go program: the one given, or by its name on PATH or where `go install` puts it.

    Raises PeerMissing.
    """
    if given:
        if not given.is_file():
            raise PeerMissing(f"there is no {given}")
        return given
    home = os.environ.get("GOPATH") or str(Path.home() / "go")
    folders = [os.environ.get("PATH", ""), os.environ.get("GOBIN", ""), f"{home}/bin"]
    found = shutil.which(name, path=os.pathsep.join(filter(None, folders)))
    if found is None:
        raise PeerMissing(f"{name} is neither on PATH nor in $GOBIN, and --peer does not name it")
    return Path(found)


def find_schema(program: Path, *, given: Path | None) -> Path:
    """Return the SQL that makes nanomdm's tables, from its module's folder.

    Raises PeerMissing.
    """
    if given:
        return given
    module = read_module(program)
    try:
        return Path(_ask_go("list", "-m", "-f", "{{.Dir}}", module)) / SCHEMA
    except (OSError, subprocess.CalledProcessError) as error:
        raise PeerMissing(f"go does not know {module}'s folder; --schema names its SQL") from error


def read_module(program: Path) -> str:
    """Return module@version of which a Go program was built; the file's name where unknown."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        for line in _ask_go("version", "-m", str(program)).splitlines():
            kind, *fields = line.split()
            if kind == "mod":
                return f"{fields[0]}@{fields[1]}"
    return program.name


def _ask_go(*arguments: str) -> str:
    go = shutil.which("go") or "/usr/local/go/bin/go"
    return subprocess.run(
        [go, *arguments], cwd="/", capture_output=True, text=True, check=True
    ).stdout.strip()


@contextlib.contextmanager
def run_peer(
    command: Sequence[str | Path],
    *,
    name: str,
    port: int,
    folder: Path,
    cores: str,
    database: int | None = None,
) -> Iterator[Side]:
    """Run the program on these cores (like "0" or "0,1") until it listens; stop it at the end."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            ["taskset", "-c", cores, *command], cwd=folder, stdout=log, stderr=log
        )
        try:
            wait_for_port(port)
            yield Side(name, port, process.pid, database)
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def run_nanomdm(
    program: Path,
    *,
    name: str,
    folder: Path,
    database: Database,
    schema: Path,
    authority: str,
    cores: str,
    certificate_header: str = "",
) -> Iterator[Side]:
    """Run it with tables of its own on our PostgreSQL; devices' identities are `authority`'s."""
    folder.mkdir()
    (folder / "ca.pem").write_text(authority)
    url = create_database(database, name=folder.name, schema=schema)
    port = find_free_port()
    command: list[str | Path] = [program, "-listen", f"127.0.0.1:{port}", "-ca", folder / "ca.pem"]
    command += ["-storage", "pgsql", "-storage-dsn", f"{url}?sslmode=disable"]
    if certificate_header:
        command += ["-cert-header", certificate_header]
    with run_peer(
        command, name=name, port=port, folder=folder, cores=cores, database=database.process
    ) as side:
        yield side


def create_database(database: Database, *, name: str, schema: Path) -> str:
    """Make another database on the same server, with the tables of `schema`; return its URL."""
    with contextlib.closing(psycopg2.connect(database.url)) as connection:
        connection.autocommit = True
        connection.cursor().execute(f'CREATE DATABASE "{name}"')
    url = urlsplit(database.url)._replace(path=f"/{name}").geturl()
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.cursor().execute(schema.read_text())
        connection.commit()
    return url
