"""Bring an empty database up to date, and print what is in it then.

    python -m tests.guardmdm.migrated all|squashed

`all` goes through every migration, as a database did that is older than the squashed ones.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.services import create_database

COLUMNS = """
SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default,
       is_identity
FROM information_schema.columns WHERE table_schema = 'public'
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
OPTIONS = """
SELECT relname, array_to_string(reloptions, ',')
FROM pg_class WHERE relnamespace = 'public'::regnamespace
"""
TABLES = "SELECT type, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"
NEXT_COLUMN = re.compile(r', (?="|CONSTRAINT)')


def migrate_empty_database(tmp_path: Path, how: str, *, user: str = "") -> dict[str, Any]:
    """Do this in a process of its own, on the kind of database under test; return what it prints.

    On PostgreSQL `user` may make tables there, and no more; without a name it is the owner.
    """
    environ = {**os.environ, "GUARDMDM_DATA_DIR": str(tmp_path / how)}
    given = os.environ.get("GUARDMDM_DATABASE_URL", "")
    if given.startswith("postgres"):
        url = create_database(given, name=f"{how}{user}_{os.getpid()}")
        environ["GUARDMDM_DATABASE_URL"] = _let_in(user, url) if user else url
    made = subprocess.run(
        [sys.executable, "-m", "tests.guardmdm.migrated", how],
        cwd=Path(__file__).resolve().parents[2],
        env=environ,
        stdout=subprocess.PIPE,
        check=True,
    )
    described: dict[str, Any] = json.loads(made.stdout)
    return described


def _let_in(user: str, url: str) -> str:
    import psycopg2

    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {user} LOGIN; GRANT ALL ON SCHEMA public TO {user}")
    return url.replace("://postgres@", f"://{user}@")


def migrate(*, squashed: bool) -> None:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor
    from django.db.migrations.loader import MigrationLoader

    executor = MigrationExecutor(connection)
    executor.loader = MigrationLoader(connection, replace_migrations=squashed)
    squashes = () if squashed else executor.loader.replacements
    executor.migrate([each for each in executor.loader.graph.leaf_nodes() if each not in squashes])


def describe() -> dict[str, Any]:
    """Return what the database holds, whatever the order in which it came there."""
    from django.db import connection

    from guardmdm.readiness import count_missing_migrations

    with connection.cursor() as cursor:

        def list_rows(query: str) -> list[tuple[Any, ...]]:
            cursor.execute(query)
            return list(cursor.fetchall())

        if connection.vendor == "postgresql":
            queries = (COLUMNS, CONSTRAINTS, INDEXES, OPTIONS)
            found = [sorted(map(str, list_rows(query))) for query in queries]
        else:
            found = [sorted(map(_describe_table, list_rows(TABLES)))]
    return {"schema": found, "missing": count_missing_migrations()}


def _describe_table(row: tuple[str, str, str]) -> str:
    kind, table, sql = row
    if kind != "table":
        return f"{table}: {sql}"
    _, _, columns = sql.partition("(")
    return f"{table}: {sorted(NEXT_COLUMN.split(columns.rpartition(')')[0]))}"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guardmdm.settings")
    import django

    django.setup()
    migrate(squashed=sys.argv[1] == "squashed")
    print(json.dumps(describe()))


if __name__ == "__main__":
    main()
