"""What a new database has in the place of the 10 that this replaces."""

import django.db.models.deletion
import organization.models.public
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('organization', '0001_initial'),
        ('organization', '0002_branding'),
        ('organization', '0003_server_trust'),
        ('organization', '0004_enrollment_stop'),
        ('organization', '0005_trust_check_url'),
        ('organization', '0006_no_pattern_indexes'),
        ('organization', '0007_sweeps_in_rounds'),
        ('organization', '0008_session_generation'),
        ('organization', '0009_provider_subject'),
        ('organization', '0010_api_key_expires_at'),
    ]

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Administrator',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('public_id', organization.models.public.PublicIdField(prefix='adm')),
                ('email', models.EmailField(max_length=254, unique=True)),
                ('name', models.CharField(blank=True, max_length=150)),
                ('role', models.CharField(choices=[('administrator', 'Administrator'), ('operator', 'Operator'), ('auditor', 'Auditor')], default='administrator', max_length=20)),
                ('is_active', models.BooleanField(default=True)),
                ('must_change_password', models.BooleanField(default=False, help_text='Set while the password is one that somebody else has seen.')),
                ('provider_subject', models.CharField(blank=True, db_default='', default='', help_text='The person at the identity provider who signs in to this account.', max_length=255)),
                ('session_generation', models.PositiveIntegerField(db_default=0, default=0, help_text='Sessions of an earlier one are over.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('provider_subject', ''), _negated=True), fields=('provider_subject',), name='organization_administrator_subject')],
            },
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='key')),
                ('name', models.CharField(max_length=100)),
                ('role', models.CharField(choices=[('administrator', 'Administrator'), ('operator', 'Operator'), ('auditor', 'Auditor')], default='auditor', max_length=20)),
                ('hint', models.CharField(help_text="The key's first characters, to tell it apart.", max_length=12)),
                ('key_sha256', models.CharField(max_length=64, unique=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('expires_at', models.DateTimeField(blank=True, help_text='Never where empty.', null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, db_index=True)),
                ('actor', models.CharField(help_text='An e-mail address, or `key:` and its name.', max_length=200)),
                ('action', models.CharField(help_text='For example `token.create`.', max_length=80)),
                ('subject_id', models.CharField(blank=True, help_text="The row's public id.", max_length=64)),
                ('subject', models.CharField(blank=True, max_length=255)),
                ('detail', models.JSONField(default=dict)),
                ('remote_address', models.GenericIPAddressField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='Organization',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='org')),
                ('name', models.CharField(max_length=200)),
                ('support_contact', models.CharField(blank=True, help_text='An address, number or link shown to people whose enrollment fails.', max_length=200)),
                ('accent_colour', models.CharField(blank=True, help_text="`#rrggbb`, or empty for GuardMDM's blue.", max_length=7)),
                ('enrollment_stopped_at', models.DateTimeField(blank=True, help_text='Since when nobody enrolls anew; none = enrolling works.', null=True)),
                ('enrollment_stopped_by', models.CharField(blank=True, max_length=200)),
                ('logo_digest', models.CharField(blank=True, editable=False, help_text='In its address; empty = no logo.', max_length=16)),
                ('server_trust', models.CharField(choices=[('automatic', 'Find out'), ('public', 'They trust it already'), ('own', 'They must trust our root CA first')], default='automatic', max_length=10)),
                ('server_trust_found', models.CharField(blank=True, editable=False, help_text='Who vouches for the TLS certificate: public, own, other, or empty: unknown.', max_length=10)),
                ('trust_check_url', models.CharField(blank=True, editable=False, help_text='Of this server under another name: opens only where our root CA is trusted.', max_length=255)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='OrganizationLogo',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('organization', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='logo_files', to='organization.organization')),
                ('digest', models.CharField(max_length=16)),
                ('page', models.BinaryField(help_text='PNG of a few KB, for screens.')),
                ('large', models.BinaryField(help_text='PNG, for paper.')),
            ],
        ),
        migrations.CreateModel(
            name='Round',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('after', models.BigIntegerField(db_default=0, default=0, help_text='The key of the last row that was looked at.')),
            ],
        ),
    ]
