from typing import Any

from django.db import migrations, models
from django.db.models.functions import Coalesce


def give_turns(apps: Any, schema_editor: Any) -> None:
    for name in ("Enrollment", "UserChannel"):
        rows = apps.get_model("devices", name).objects.filter(push_requested_at__isnull=False)
        rows.update(push_turn=Coalesce("last_seen_at", "created_at"))


class Migration(migrations.Migration):
    dependencies = [("devices", "0013_command_indexes")]

    operations = [
        *(
            migrations.AddField(
                model_name=name,
                name="push_turn",
                field=models.DateTimeField(
                    blank=True,
                    help_text=(
                        "Set with push_requested_at: of all that are requested, the latest goes "
                        "first."
                    ),
                    null=True,
                ),
            )
            for name in ("enrollment", "userchannel")
        ),
        migrations.RunPython(give_turns, migrations.RunPython.noop),
        migrations.RemoveIndex(model_name="enrollment", name="enrollment_push_requested"),
        migrations.AddIndex(
            model_name="enrollment",
            index=models.Index(
                condition=models.Q(("push_requested_at__isnull", False)),
                fields=["-push_turn"],
                name="enrollment_push_requested",
            ),
        ),
    ]
