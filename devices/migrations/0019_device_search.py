"""PostgreSQL finds devices by words, and those of a rare platform, without reading all of them."""

import logging
from typing import Any

from django.db import DatabaseError, migrations, models

# As devices.selectors.devices.DeviceWords words it for `icontains`; only so is the index used.
INDEX = """
CREATE INDEX IF NOT EXISTS device_words ON devices_device USING gin (upper(
    name || ' ' || serial_number || ' ' || udid || ' ' || owner || ' ' || owner_name || ' '
    || model_name || ' ' || product_name
) gin_trgm_ops)
"""
logger = logging.getLogger(__name__)


def make_index(apps: Any, schema_editor: Any) -> None:
    """Without the extension, or the right to create it, searches read every device as before."""
    if schema_editor.connection.vendor != "postgresql":
        return
    try:
        schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError as error:
        logger.warning("Searching many devices stays slow without pg_trgm: %s", error)
        return
    schema_editor.execute(INDEX)


class Migration(migrations.Migration):
    # The extension may be refused, which must not undo the rest.
    atomic = False

    dependencies = [("devices", "0018_command_body_wording")]

    operations = [
        migrations.AddIndex(
            "device", models.Index(fields=["platform", "-id"], name="device_platform")
        ),
        migrations.RunPython(make_index, migrations.RunPython.noop),
    ]
