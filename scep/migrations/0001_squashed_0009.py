"""What a new database has in the place of the 9 that this replaces."""

import django.db.models.deletion
import organization.models.public
import organization.models.sealed
import scep.models.profile
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('scep', '0001_initial'),
        ('scep', '0002_compromised_keys'),
        ('scep', '0003_certificate_purpose'),
        ('scep', '0004_fewer_certificate_indexes'),
        ('scep', '0005_held_request_limit'),
        ('scep', '0006_held_requests_not_decided_in_time'),
        ('scep', '0007_authorities_are_revoked'),
        ('scep', '0008_held_requests_token_index'),
        ('scep', '0009_held_requests_of_a_changed_challenge'),
    ]

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='CertificateAuthority',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='ca')),
                ('role', models.CharField(choices=[('root', 'Root CA'), ('intermediate', 'Intermediate CA'), ('issuing', 'Issuing CA'), ('single', 'SCEP CA'), ('external', 'External CA')], max_length=15)),
                ('state', models.CharField(choices=[('next', 'Next'), ('active', 'Active'), ('retired', 'Retired')], default='active', max_length=10)),
                ('name', models.CharField(max_length=200)),
                ('parent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='children', to='scep.certificateauthority')),
                ('certificate', models.BinaryField(help_text='X.509, DER.')),
                ('fingerprint', models.CharField(help_text='SHA-256 of the DER, hex.', max_length=64, unique=True)),
                ('private_key', organization.models.sealed.SealedField(blank=True, help_text='PKCS#8, DER.', null=True)),
                ('is_imported', models.BooleanField(default=False)),
                ('not_after', models.DateTimeField()),
                ('activates_at', models.DateTimeField(blank=True, help_text='When a next CA takes over by itself.', null=True)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('revocation_reason', models.CharField(blank=True, db_default='', max_length=40)),
                ('warned_days', models.PositiveSmallIntegerField(blank=True, help_text='The last expiry warning given: days ahead.', null=True)),
            ],
            options={
                'ordering': ('id',),
                'constraints': [models.UniqueConstraint(condition=models.Q(('role__in', ['issuing', 'single']), ('state__in', ['next', 'active'])), fields=('role', 'state'), name='one_authority_per_state')],
            },
        ),
        migrations.CreateModel(
            name='ScepProfile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='scep')),
                ('name', models.CharField(max_length=100, unique=True)),
                ('server_type', models.CharField(choices=[('builtin', 'Built-in CA'), ('external', 'External SCEP server')], default='builtin', max_length=10)),
                ('challenge_type', models.CharField(choices=[('static', 'Static'), ('dynamic', 'Dynamic'), ('token', 'Token-based')], default='dynamic', max_length=10)),
                ('static_challenge', organization.models.sealed.SealedField(blank=True, null=True)),
                ('allow_legacy', models.BooleanField(default=False, help_text='Accept 3DES and SHA-1 from devices that know nothing better.')),
                ('key_size', models.PositiveSmallIntegerField(choices=[(2048, '2048'), (4096, '4096')], default=2048)),
                ('key_usage', models.PositiveSmallIntegerField(choices=[(1, 'Signing'), (5, 'Signing and encryption')], default=5)),
                ('subject', models.JSONField(default=scep.models.profile.default_subject, help_text='Relative names in order, like "CN={serial}".')),
                ('subject_alternative_names', models.JSONField(blank=True, default=list, help_text='Like "dns={serial}.example.com".')),
                ('validity_days', models.PositiveSmallIntegerField(default=365)),
                ('renewal_days', models.PositiveSmallIntegerField(blank=True, help_text='Days before expiry; none: 180, or a third of the life.', null=True)),
                ('hold_for_approval', models.BooleanField(default=False, help_text='New enrollments wait for an administrator.')),
                ('single_certificate', models.BooleanField(default=False, help_text='GetCACert answers with one certificate, without an RA.')),
                ('issuing_ca', models.ForeignKey(blank=True, help_text='None for an external server.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='scep_profiles', to='scep.certificateauthority')),
                ('external_url', models.CharField(blank=True, max_length=500)),
                ('ca_name', models.CharField(blank=True, help_text="The CA's identifier where a server has several.", max_length=100)),
                ('ca_fingerprint', models.CharField(blank=True, help_text='SHA-256 of an external CA certificate, confirmed.', max_length=64)),
                ('hook_type', models.CharField(blank=True, choices=[('ndes', 'NDES admin page'), ('json', 'JSON over HTTPS')], max_length=10)),
                ('hook_url', models.CharField(blank=True, max_length=500)),
                ('hook_username', models.CharField(blank=True, max_length=200)),
                ('hook_password', organization.models.sealed.SealedField(blank=True, null=True)),
                ('checked_at', models.DateTimeField(blank=True, null=True)),
                ('check_code', models.CharField(blank=True, help_text='What the last check found; empty when all was well.', max_length=40)),
                ('check_message', models.CharField(blank=True, max_length=300)),
                ('trusted_cas', models.ManyToManyField(blank=True, related_name='trusting_profiles', to='scep.certificateauthority')),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='IssuedCertificate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='crt')),
                ('issuer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='issued', to='scep.certificateauthority')),
                ('scep_profile', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='certificates', to='scep.scepprofile')),
                ('status', models.CharField(choices=[('intended', 'Being issued'), ('issued', 'Issued'), ('revoked', 'Revoked')], default='intended', max_length=10)),
                ('purpose', models.CharField(choices=[('identity', 'Device identity'), ('profile_service', 'Profile Service')], default='identity', max_length=16)),
                ('serial', models.CharField(help_text='Hexadecimal.', max_length=40)),
                ('subject', models.CharField(help_text='RFC 4514.', max_length=255)),
                ('fingerprint', models.CharField(blank=True, max_length=64, null=True, unique=True)),
                ('certificate', models.BinaryField(blank=True, help_text='X.509, DER.', null=True)),
                ('public_key_sha256', models.CharField(help_text='Of SubjectPublicKeyInfo, hex.', max_length=64)),
                ('transaction_id', models.CharField(blank=True, max_length=255, null=True)),
                ('session_id', models.CharField(blank=True, max_length=32)),
                ('token_id', models.CharField(blank=True, help_text='The jti of the token behind it.', max_length=64)),
                ('device_id', models.CharField(blank=True, help_text='`dev_…`, once it has checked in.', max_length=32)),
                ('renews', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='renewals', to='scep.issuedcertificate')),
                ('lacks_attributes', models.BooleanField(default=False, help_text="The profile's template names device attributes that were not known yet.")),
                ('not_before', models.DateTimeField()),
                ('not_after', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('revocation_reason', models.CharField(blank=True, max_length=40)),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [models.Index(fields=['session_id'], name='certificate_session'), models.Index(fields=['token_id'], name='certificate_token'), models.Index(fields=['device_id'], name='certificate_device'), models.Index(condition=models.Q(('renews__isnull', False)), fields=['renews'], name='certificate_renews'), models.Index(fields=['status', 'not_after'], name='certificate_expiry'), models.Index(fields=['scep_profile', 'status', 'not_after'], name='certificate_profile_expiry'), models.Index(fields=['subject'], name='certificate_subject'), models.Index(condition=models.Q(('status', 'revoked')), fields=['issuer', 'not_after'], name='certificate_revoked'), models.Index(condition=models.Q(('revocation_reason', 'key_compromise')), fields=['public_key_sha256'], name='certificate_compromised_key')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('transaction_id__isnull', False)), fields=('scep_profile', 'transaction_id'), name='one_certificate_per_transaction'), models.UniqueConstraint(fields=('issuer', 'serial'), name='one_serial_per_issuer')],
            },
        ),
        migrations.CreateModel(
            name='DynamicChallenge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scep_profile', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='dynamic_challenges', to='scep.scepprofile')),
                ('purpose', models.CharField(choices=[('enrollment', 'Enrollment'), ('session', 'Session'), ('profile_service', 'Profile Service'), ('renewal', 'Renewal'), ('test', 'Test')], default='enrollment', max_length=16)),
                ('session_id', models.CharField(blank=True, db_index=True, max_length=32)),
                ('holds', models.BooleanField(default=False, help_text='Its request waits for an administrator.')),
                ('renews', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='scep.issuedcertificate')),
                ('secret_sha256', models.CharField(max_length=64, unique=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField()),
                ('consumed_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='HeldRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='req')),
                ('scep_profile', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='held_requests', to='scep.scepprofile')),
                ('state', models.CharField(choices=[('pending', 'Waiting for approval'), ('approved', 'Approved'), ('rejected', 'Rejected'), ('expired', 'Not decided in time'), ('outdated', 'Challenge changed')], default='pending', max_length=10)),
                ('transaction_id', models.CharField(max_length=255)),
                ('public_key_sha256', models.CharField(help_text='Of SubjectPublicKeyInfo, hex.', max_length=64)),
                ('common_name', models.CharField(blank=True, help_text='As claimed.', max_length=255)),
                ('session_id', models.CharField(blank=True, db_index=True, max_length=32)),
                ('token_id', models.CharField(blank=True, db_index=True, max_length=64)),
                ('is_claimed', models.BooleanField(default=True, help_text='The session is what the request said, not what it proved.')),
                ('max_certificates', models.PositiveIntegerField(default=0, help_text='How many its challenge may bring in all; 0 = no limit.')),
                ('remote_address', models.GenericIPAddressField(blank=True, null=True)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.CharField(blank=True, max_length=200)),
                ('certificate', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='scep.issuedcertificate')),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [models.Index(fields=['state', 'created_at'], name='held_request_state')],
                'constraints': [models.UniqueConstraint(fields=('scep_profile', 'transaction_id'), name='one_held_request_per_transaction')],
            },
        ),
        migrations.CreateModel(
            name='RevocationList',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('authority', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='revocation_list', to='scep.certificateauthority')),
                ('number', models.BigIntegerField(default=0, help_text='CRL number; only ever grows.')),
                ('der', models.BinaryField(blank=True, null=True)),
                ('this_update', models.DateTimeField(blank=True, null=True)),
                ('next_update', models.DateTimeField(blank=True, null=True)),
                ('is_stale', models.BooleanField(default=True, help_text='Something was revoked since.')),
            ],
        ),
        migrations.CreateModel(
            name='ServiceCertificate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='svc')),
                ('purpose', models.CharField(choices=[('scep_ra', 'SCEP registration authority'), ('profile_signing', 'Profile signing'), ('ocsp_signing', 'OCSP signing'), ('tls_server', 'TLS server')], max_length=20)),
                ('issuer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='scep.certificateauthority')),
                ('certificate', models.BinaryField(help_text='X.509, DER.')),
                ('fingerprint', models.CharField(max_length=64, unique=True)),
                ('serial', models.CharField(db_index=True, help_text='Hexadecimal.', max_length=40)),
                ('private_key', organization.models.sealed.SealedField(blank=True, help_text='PKCS#8, DER.', null=True)),
                ('not_after', models.DateTimeField()),
                ('is_active', models.BooleanField(default=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('revocation_reason', models.CharField(blank=True, max_length=40)),
                ('warned_days', models.PositiveSmallIntegerField(blank=True, help_text='The last expiry warning given: days ahead.', null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
    ]
