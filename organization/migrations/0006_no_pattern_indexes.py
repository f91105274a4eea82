"""Drop the indexes that Django once added for LIKE 'a%'; nobody asks that (docs/adr/0182)."""

from typing import Any

from django.db import migrations

FIND = """
SELECT index_class.oid::regclass::text
FROM pg_index
JOIN pg_class AS index_class ON index_class.oid = indexrelid
JOIN pg_opclass ON pg_opclass.oid = indclass[0]
WHERE index_class.relnamespace = current_schema()::regnamespace
  AND index_class.relname LIKE '%\\_like'
  AND opcname IN ('varchar_pattern_ops', 'text_pattern_ops')
"""


def drop_indexes(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FIND)
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX {name}")


class Migration(migrations.Migration):
    dependencies = [("organization", "0005_trust_check_url")]

    operations = [migrations.RunPython(drop_indexes, migrations.RunPython.noop)]
