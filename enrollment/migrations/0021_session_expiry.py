"""Sessions are listed by their expiry without being sorted."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('enrollment', '0020_dead_tokens_outlive_group_and_profile'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='enrollmentsession',
            index=models.Index(fields=['expires_at'], name='session_expiry'),
        ),
    ]
