"""PostgreSQL: a text that is indexed has one index, which every row pays for."""

import importlib
import os

import pytest
from django.apps import apps
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState

from tests.guardmdm.migrated import migrate_empty_database

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite gets no second index"),
]
MIGRATION = importlib.import_module("organization.migrations.0006_no_pattern_indexes")


def list_pattern_indexes():
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexdef LIKE '%pattern_ops%'")
        return [definition for (definition,) in cursor.fetchall()]


def test_no_table_has_an_index_for_patterns():
    assert list_pattern_indexes() == []


def test_a_new_column_gets_no_index_for_patterns():
    field = models.CharField(max_length=32, unique=True, null=True)
    operation = migrations.AddField("organization", "tried", field)
    state = ProjectState.from_apps(apps)
    changed = state.clone()
    operation.state_forwards("organization", changed)
    with connection.schema_editor() as editor:
        operation.database_forwards("organization", editor, state, changed)
    assert list_pattern_indexes() == []


EARLIER = """
CREATE INDEX organization_name_12ab_like ON organization_organization (name varchar_pattern_ops);
CREATE TABLE of_others (name varchar);
CREATE INDEX of_others_name_12ab_like ON of_others (name varchar_pattern_ops);
"""
IN_ANOTHER_SCHEMA = """
CREATE SCHEMA "Guard MDM";
ALTER TABLE organization_organization SET SCHEMA "Guard MDM";
CREATE SCHEMA "First";
SET LOCAL search_path = "First", "Guard MDM", public;
"""


@pytest.mark.parametrize("moved", ["", IN_ANOTHER_SCHEMA])
def test_the_indexes_of_earlier_versions_are_dropped_and_those_of_others_are_not(moved):
    with connection.cursor() as cursor:
        cursor.execute(EARLIER + moved)
    with connection.schema_editor() as editor:
        MIGRATION.drop_indexes(None, editor)
    (left,) = list_pattern_indexes()
    assert "of_others" in left


def test_a_database_is_made_where_nobody_may_add_an_extension(tmp_path):
    """Searches of devices are slower then; nothing else is missing."""
    made = migrate_empty_database(tmp_path, "squashed", user=f"lodger_{os.getpid()}")
    assert made["missing"] == 0
    indexes = str(made["schema"])
    assert "device_platform" in indexes
    assert "device_words" not in indexes
