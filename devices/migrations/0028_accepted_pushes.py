"""How many pushes APNs took stands apart from how many were tried."""

from typing import Any

from django.db import migrations, models


def count_accepted(apps: Any, schema_editor: Any) -> None:
    """Without an error, all attempts were accepted; one in hand is not yet."""
    for name in ("Enrollment", "UserChannel"):
        rows = apps.get_model("devices", name).objects.filter(push_attempts__gt=0, push_error="")
        rows.filter(push_claimed_at=None).update(push_accepted=models.F("push_attempts"))
        rows.exclude(push_claimed_at=None).update(push_accepted=models.F("push_attempts") - 1)



class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0027_orders_of_devices'),
    ]

    operations = [
        migrations.AddField(
            model_name='enrollment',
            name='push_accepted',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='How many of push_attempts APNs took; of no meaning while those are 0.'),
        ),
        migrations.AddField(
            model_name='userchannel',
            name='push_accepted',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='How many of push_attempts APNs took; of no meaning while those are 0.'),
        ),
        migrations.AlterField(
            model_name='enrollment',
            name='push_unanswered_since',
            field=models.DateTimeField(blank=True, help_text='When the first of push_accepted was sent.', null=True),
        ),
        migrations.AlterField(
            model_name='userchannel',
            name='push_unanswered_since',
            field=models.DateTimeField(blank=True, help_text='When the first of push_accepted was sent.', null=True),
        ),
        migrations.RunPython(count_accepted, migrations.RunPython.noop),
    ]
