from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("enrollment", "0016_session_device_index")]

    operations = [
        migrations.AddField(
            model_name="enrollmentsession",
            name="is_return",
            field=models.BooleanField(
                default=False,
                db_default=False,
                help_text="Of a device that was erased and comes back by itself.",
            ),
        ),
    ]
