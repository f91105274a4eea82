from django.db import migrations, models
from django.db.models.functions import Coalesce


def fill(apps, schema_editor):
    """What has been heard of has connected; nothing else would say so before its next message."""
    rows = apps.get_model("devices", "Enrollment").objects.exclude(state="authenticated")
    rows.update(connected_at=Coalesce("last_seen_at", "updated_at"))


class Migration(migrations.Migration):
    dependencies = [("devices", "0010_owner_name")]

    operations = [
        migrations.AddField(
            model_name="enrollment",
            name="connected_at",
            field=models.DateTimeField(
                blank=True, help_text="When its device first came for a command.", null=True
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
