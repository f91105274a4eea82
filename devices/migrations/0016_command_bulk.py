from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Substr

ORIGIN = "bulk:"


def name_bulks(apps: Any, schema_editor: Any) -> None:
    """Until now a command said by its origin alone what had asked for it."""
    Command, BulkCommand = (apps.get_model("devices", name) for name in ("Command", "BulkCommand"))
    if not BulkCommand.objects.exists():
        return
    named = BulkCommand.objects.filter(public_id=OuterRef("named")).order_by()
    commands = Command.objects.filter(origin__startswith=ORIGIN)
    commands = commands.annotate(named=Substr("origin", len(ORIGIN) + 1))
    commands.update(bulk=Subquery(named.values("pk")[:1]))


class Migration(migrations.Migration):
    dependencies = [("devices", "0015_command_forgotten")]

    operations = [
        migrations.AddField(
            model_name="bulkcommand",
            name="refused_devices",
            field=models.JSONField(
                default=list,
                db_default=Value([], models.JSONField()),
                help_text="The first ones: the device's key, and the reason.",
            ),
        ),
        migrations.AddField(
            model_name="command",
            name="bulk",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="What asked many devices for it.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="commands",
                to="devices.bulkcommand",
            ),
        ),
        migrations.RunPython(name_bulks, migrations.RunPython.noop),
    ]
