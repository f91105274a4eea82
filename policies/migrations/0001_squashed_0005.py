"""What a new database has in the place of the 5 that this replaces."""

import django.db.models.deletion
import organization.models.public
import organization.models.sealed
import policies.models.package
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('policies', '0001_initial'),
        ('policies', '0002_apps'),
        ('policies', '0003_rollouts'),
        ('policies', '0004_failed_items'),
        ('policies', '0005_items_may_go'),
    ]

    initial = True

    dependencies = [
        ('devices', '0001_squashed_0026'),
    ]

    operations = [
        migrations.CreateModel(
            name='Policy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='pol')),
                ('name', models.CharField(max_length=100, unique=True)),
                ('description', models.TextField(blank=True)),
                ('groups', models.ManyToManyField(blank=True, related_name='policies', to='devices.group')),
            ],
            options={
                'verbose_name_plural': 'policies',
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='Package',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='pkg')),
                ('kind', models.CharField(choices=[('ipa', 'iOS app'), ('pkg', 'macOS package')], max_length=3)),
                ('name', models.CharField(max_length=255)),
                ('identifier', models.CharField(help_text="The bundle identifier, or the product's where there is no one.", max_length=255)),
                ('version', models.CharField(max_length=255)),
                ('minimum_os', models.CharField(blank=True, max_length=255)),
                ('platforms', models.JSONField(default=list, help_text='Platform values that can install it.')),
                ('bundles', models.JSONField(default=dict, help_text='Of a macOS package: the version of each app, by identifier.')),
                ('signer', models.CharField(blank=True, help_text='Of a macOS package.', max_length=255)),
                ('file_name', models.CharField(max_length=255)),
                ('size', models.PositiveBigIntegerField(help_text='Bytes.')),
                ('sha256', models.CharField(max_length=64, unique=True)),
                ('chunk_sha256s', models.JSONField(default=list, help_text='Hex, one for each chunk.')),
                ('chunk_md5s', models.JSONField(default=list, help_text='Hex, one for each chunk.')),
                ('address', models.CharField(default=policies.models.package.build_address, editable=False, help_text='In its URL: 128 random bits, which only devices are told.', max_length=32, unique=True)),
                ('uploaded_by', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='PolicyItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='itm')),
                ('policy', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='items', to='policies.policy')),
                ('kind', models.CharField(choices=[('profile', 'Configuration profile'), ('app', 'App')], max_length=10)),
                ('name', models.CharField(max_length=200)),
                ('platforms', models.JSONField(default=list, help_text='Platform values; empty means every platform.')),
                ('version', models.CharField(help_text='Of a profile its SHA-256, hex; of an app half that of what it is, half that of how it is configured.', max_length=64)),
                ('profile', organization.models.sealed.SealedField(blank=True, help_text='Re-identified, unsigned, XML.', null=True)),
                ('profile_identifier', models.CharField(blank=True, max_length=255)),
                ('profile_uuid', models.CharField(blank=True, max_length=36)),
                ('payload_types', models.JSONField(default=list)),
                ('warnings', models.JSONField(default=list, help_text='What an administrator should know of the uploaded profile.')),
                ('itunes_store_id', models.PositiveBigIntegerField(blank=True, null=True)),
                ('manifest_url', models.URLField(blank=True, max_length=500)),
                ('package', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='items', to='policies.package')),
                ('bundle_id', models.CharField(blank=True, max_length=255)),
                ('configuration', organization.models.sealed.SealedField(blank=True, help_text='What the app is configured with: a property list, XML.', null=True)),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.CreateModel(
            name='ItemStatus',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('enrollment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='item_statuses', to='devices.enrollment')),
                ('item', models.ForeignKey(blank=True, db_constraint=False, help_text='It may be deleted: find_item.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='statuses', to='policies.policyitem')),
                ('kind', models.CharField(choices=[('profile', 'Configuration profile'), ('app', 'App')], max_length=10)),
                ('name', models.CharField(max_length=200)),
                ('identifier', models.CharField(help_text='PayloadIdentifier, bundle identifier or store id.', max_length=255)),
                ('bundle_id', models.CharField(blank=True, help_text='Of an app: as the item or the device says.', max_length=255)),
                ('version', models.CharField(help_text='The version that the state speaks of.', max_length=64)),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('installing', 'Installing'), ('installed', 'Installed'), ('failed', 'Failed'), ('removing', 'Removing')], default='pending', max_length=12)),
                ('command_uuid', models.CharField(blank=True, db_index=True, help_text='The command whose result is awaited.', max_length=36)),
                ('error', models.TextField(blank=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField(blank=True, db_index=True, help_text='When to try or to ask again.', null=True)),
                ('settled_at', models.DateTimeField(blank=True, help_text='When the device answered the last command for it.', null=True)),
                ('was_accepted', models.BooleanField(default=False, help_text='The device has taken some version of it, so it may have it.')),
                ('compared_at', models.DateTimeField(blank=True, help_text='The moment of the report it was last compared with.', null=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'verbose_name_plural': 'item statuses',
                'ordering': ('id',),
                'indexes': [models.Index(condition=models.Q(('state', 'failed')), fields=['enrollment'], name='item_failed')],
                'constraints': [models.UniqueConstraint(fields=('enrollment', 'kind', 'identifier'), name='one_status_per_item')],
            },
        ),
        migrations.CreateModel(
            name='Rollout',
            fields=[
                ('group', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='devices.group')),
                ('run', models.UUIDField(default=uuid.uuid4, help_text='Another one after each change.')),
                ('after', models.BigIntegerField(default=0, help_text='The key of the last device whose turn it was.')),
                ('touched_at', models.DateTimeField()),
            ],
        ),
    ]
