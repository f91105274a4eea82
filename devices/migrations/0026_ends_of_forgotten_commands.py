"""PostgreSQL knows when each command was over, the forgotten ones too."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0025_devices_by_enrollment'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='command',
            name='command_forgotten',
        ),
        migrations.AddIndex(
            model_name='command',
            index=models.Index(condition=models.Q(('forgotten_at__isnull', False), models.Q(('request_type__in', ('DeviceLock', 'EraseDevice')), _negated=True)), fields=['completed_at'], name='command_forgotten_end'),
        ),
        migrations.AddIndex(
            model_name='command',
            index=models.Index(condition=models.Q(('forgotten_at__isnull', False), ('request_type__in', ('DeviceLock', 'EraseDevice'))), fields=['completed_at'], name='command_forgotten_pin'),
        ),
    ]
