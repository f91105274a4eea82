"""What still runs while the database is updated goes on writing to it, and knows no new column.

And an old database, brought up to date, is like a new one.
"""

from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AddField
from django.db.models import NOT_PROVIDED, BooleanField, Field
from django.utils import timezone

from devices.services.bulk_commands import request_bulk
from enrollment.models import EnrollmentToken
from enrollment.services.sessions import open_session
from tests.guardmdm.migrated import migrate_empty_database

# Columns that came before this was asked for, by the last migration of each app that may have some.
EARLIER = {"devices": 14, "enrollment": 16, "organization": 6, "policies": 2, "scep": 5}


def may_be_left_out(field: "Field[object, object]") -> bool:
    return field.null or field.many_to_many or field.db_default is not NOT_PROVIDED


def test_each_new_column_may_be_left_out() -> None:
    found, lacking = 0, []
    for (app, name), migration in MigrationLoader(None).disk_migrations.items():
        if int(name[:4]) > EARLIER.get(app, 10_000):
            added = [each for each in migration.operations if isinstance(each, AddField)]
            found += len(added)
            lacking += [
                f"{app}.{name}: {each.name}" for each in added if not may_be_left_out(each.field)
            ]
    assert lacking == [], "give them a db_default"
    assert found >= 5
    assert not may_be_left_out(BooleanField(default=False))


@pytest.mark.django_db
def test_a_row_that_names_no_new_column_has_its_default(bootstrapped: None) -> None:
    now = timezone.now()
    token = EnrollmentToken.objects.order_by("pk")[0]
    session = open_session(token, platform="ios", user_agent="", remote_address=None, now=now)
    bulk = request_bulk([], name="ProfileList", parameters={}, actor="tests")
    for row, column, value in ((session, "is_return", False), (bulk, "refused_devices", [])):
        table = row._meta.db_table
        names = [field.column for field in row._meta.local_fields if field.column != column]
        old = ", ".join(f'"{name}"' for name in names)
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMPORARY TABLE old_row AS SELECT {old} FROM {table}")  # noqa: S608
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608
            cursor.execute(f"INSERT INTO {table} ({old}) SELECT {old} FROM old_row")  # noqa: S608
            cursor.execute("DROP TABLE old_row")
        row.refresh_from_db()
        assert getattr(row, column) == value


def test_an_old_database_is_like_a_new_one_when_it_is_up_to_date(tmp_path: Path) -> None:
    old, new = (migrate_empty_database(tmp_path, how) for how in ("all", "squashed"))
    assert [len(each) > 50 for each in new["schema"]] == [True] * len(new["schema"])
    assert old == new
    assert new["missing"] == 0
