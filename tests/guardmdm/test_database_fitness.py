"""PostgreSQL behind a pool (PgBouncer), and in an encoding that is not Unicode's."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from django.conf import settings
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from guardmdm.database_fitness import are_sessions_shared, find_misfit
from guardmdm.health.machinery import check_database
from tests.services import build_ending, find_free_port, wait_for_port

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no sessions"),
]
POOL_SECONDS = 20
MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]
POOL = """
[databases]
* = host={host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
server_round_robin = {round_robin}
"""


@contextlib.contextmanager
def run_pool(*, mode: str, round_robin: int = 0) -> Iterator[int]:
    """Yield the port of a PgBouncer before the database under test."""
    if shutil.which("pgbouncer") is None:
        pytest.skip("PgBouncer is not installed")
    port, told = find_free_port(), connection.settings_dict
    server = {name.lower(): told[name] for name in ("HOST", "PORT", "USER")}
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:  # tmp_path is root's alone
        Path(file.name).chmod(0o644)
        file.write(POOL.format(**server, own_port=port, mode=mode, round_robin=round_robin))
        file.flush()
        command = [*as_owner, "pgbouncer", "-q", file.name]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        ending = build_ending(process)
        try:
            wait_for_port(port, seconds=POOL_SECONDS)
            yield port
        finally:
            ending.run()
            process.wait()


@contextlib.contextmanager
def connect(port: int) -> Iterator[tuple[Any, Any]]:
    """Yield two connections to the database under test, through that port."""
    told = {**connection.settings_dict, "PORT": port}
    first, second = (build_wrapper(told) for _ in range(2))
    with contextlib.closing(first), contextlib.closing(second):
        yield first, second


def build_wrapper(told: dict[str, Any]) -> BaseDatabaseWrapper:
    return type(connections["default"])(told, "default")


def build_url(*, port: int | None = None, name: str | None = None) -> str:
    parts, told = urlsplit(settings.ENV.database_url), connection.settings_dict
    user = parts.netloc.rpartition("@")[0]
    netloc = f"{user}@{told['HOST']}:{port or told['PORT']}"
    return parts._replace(netloc=netloc, path=f"/{name or told['NAME']}").geturl()


def bootstrap(url: str, *, folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("GUARDMDM_")
    }
    environ |= {"GUARDMDM_DATA_DIR": str(folder), "GUARDMDM_DATABASE_URL": url}
    command = [*MANAGE, "bootstrap"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_nothing_starts_when_a_pool_gives_each_transaction_another_session(tmp_path: Path) -> None:
    with run_pool(mode="transaction") as port:
        with connect(port) as (one, another):
            assert are_sessions_shared(one, another)
        done = bootstrap(build_url(port=port), folder=tmp_path / "data")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("CommandError: This database will not do: a connection pool")
    assert "pool_mode = session" in done.stderr


def test_sessions_count_as_shared_when_a_pool_gives_them_in_turn() -> None:
    with run_pool(mode="transaction", round_robin=1) as port, connect(port) as (one, another):
        # Two of its sessions at once, so that there are several to give in turn.
        one.set_autocommit(False)
        another.set_autocommit(False)
        for each in (one, another):
            with each.cursor() as cursor:
                cursor.execute("SELECT 1")
        for each in (one, another):
            each.commit()
            each.set_autocommit(True)
        assert are_sessions_shared(one, another)


def test_all_is_well_when_a_pool_keeps_a_session_for_each_connection() -> None:
    with run_pool(mode="session") as port, connect(port) as (one, another):
        assert not are_sessions_shared(one, another)


def test_all_is_well_when_postgresql_itself_is_asked() -> None:
    assert find_misfit() is None


@pytest.fixture
def ascii_database() -> Iterator[str]:
    """The URL of an empty database as an initdb with LANG=C makes it."""
    name = f"{connection.settings_dict['NAME']}_ascii"
    with contextlib.closing(psycopg2.connect(build_url())) as session:
        session.autocommit = True
        cursor = session.cursor()
        cursor.execute(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' "
            "TEMPLATE template0"
        )
        yield build_url(name=name)
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_nothing_is_set_up_when_the_database_is_not_of_unicode(
    ascii_database: str, tmp_path: Path
) -> None:
    done = bootstrap(ascii_database, folder=tmp_path / "data")
    assert done.returncode == 1
    assert "its encoding is SQL_ASCII" in done.stderr
    assert "ENCODING 'UTF8'" in done.stderr
    with contextlib.closing(psycopg2.connect(ascii_database)) as session:
        cursor = session.cursor()
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchone() == (0,)


def test_the_doctor_tells_what_is_wrong_with_a_database_when_it_is_in_use(
    ascii_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = urlsplit(ascii_database).path.strip("/")
    with contextlib.closing(build_wrapper({**connection.settings_dict, "NAME": name})) as odd:
        monkeypatch.setattr("guardmdm.database_fitness.connection", odd)
        finding = check_database()
    assert finding.is_failure
    assert "SQL_ASCII" in finding.text
    assert "backup and restore" in finding.fix
