from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scep', '0004_fewer_certificate_indexes'),
    ]

    operations = [
        migrations.AddField(
            model_name='heldrequest',
            name='max_certificates',
            field=models.PositiveIntegerField(default=0, help_text='How many its challenge may bring in all; 0 = no limit.'),
        ),
    ]
