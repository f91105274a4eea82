from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("devices", "0016_command_bulk")]

    operations = [
        migrations.AddIndex(
            model_name="command",
            index=models.Index(
                condition=models.Q(("bulk__isnull", False)),
                fields=["bulk", "-id"],
                name="command_of_bulk",
            ),
        ),
    ]
