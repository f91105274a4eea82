"""Drop the indexes that Django once added for LIKE 'a%'; nobody asks that (docs/adr/0182)."""

from typing import Any

from django.apps import apps as installed
from django.db import migrations

FIND = """
SELECT indexrelid::regclass::text
FROM pg_index
JOIN pg_class AS index_class ON index_class.oid = indexrelid
JOIN pg_class AS table_class ON table_class.oid = indrelid
JOIN pg_opclass ON pg_opclass.oid = indclass[0]
WHERE table_class.relname::text = ANY(%s)
  AND pg_table_is_visible(indrelid)
  AND index_class.relname LIKE '%%\\_like'
  AND opcname IN ('varchar_pattern_ops', 'text_pattern_ops')
"""


def drop_indexes(apps: Any, schema_editor: Any) -> None:
    """Of our own tables, wherever they lie; others may share the schema."""
    if schema_editor.connection.vendor != "postgresql":
        return
    tables = [model._meta.db_table for model in installed.get_models(include_auto_created=True)]
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FIND, [tables])
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX {name}")


class Migration(migrations.Migration):
    # Each table is locked for its own moment: all at once, in whatever order, would be a deadlock
    # with a server that is still at work.
    atomic = False

    dependencies = [("organization", "0005_trust_check_url")]

    operations = [migrations.RunPython(drop_indexes, migrations.RunPython.noop)]
