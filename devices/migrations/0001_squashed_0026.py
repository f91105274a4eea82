"""What a new database has in the place of the 26 that this replaces."""

import logging
from typing import Any

import django.db.models.deletion
import django.db.models.functions.datetime
import organization.models.public
import organization.models.sealed
from django.db import DatabaseError, migrations, models, transaction

# As devices.selectors.devices.DeviceWords words it for `icontains`; only so is the index used.
INDEX = """
CREATE INDEX device_words ON devices_device USING gin (upper(
    name || ' ' || serial_number || ' ' || udid || ' ' || owner || ' ' || owner_name || ' '
    || model_name || ' ' || product_name
) gin_trgm_ops)
"""
logger = logging.getLogger(__name__)


def leave_room(apps: Any, schema_editor: Any) -> None:
    """Rows that are written again and again find room beside themselves, so that no index of
    theirs is written."""
    if schema_editor.connection.vendor == "postgresql":
        for table in ("devices_command", "devices_enrollment", "devices_device"):
            schema_editor.execute(f"ALTER TABLE {table} SET (fillfactor = 75)")


def make_index(apps: Any, schema_editor: Any) -> None:
    """Without the extension, or the right to create it, searches read every device."""
    if schema_editor.connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(schema_editor.connection.alias):
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError as error:
        logger.warning("Searching many devices stays slow without pg_trgm: %s", error)
        return
    schema_editor.execute(INDEX)


class Migration(migrations.Migration):

    replaces = [
        ('devices', '0001_initial'),
        ('devices', '0002_push_certificate'),
        ('devices', '0003_checkin'),
        ('devices', '0004_queue'),
        ('devices', '0005_inventory'),
        ('devices', '0006_push'),
        ('devices', '0007_commands'),
        ('devices', '0008_apps'),
        ('devices', '0009_silence'),
        ('devices', '0010_owner_name'),
        ('devices', '0011_first_connection'),
        ('devices', '0012_ended_enrollments'),
        ('devices', '0013_command_indexes'),
        ('devices', '0014_push_turn'),
        ('devices', '0015_command_forgotten'),
        ('devices', '0016_command_bulk'),
        ('devices', '0017_command_of_bulk'),
        ('devices', '0018_command_body_wording'),
        ('devices', '0019_device_search'),
        ('devices', '0020_bulk_command_joined'),
        ('devices', '0021_dismissed_warnings'),
        ('devices', '0022_renewals_under_way'),
        ('devices', '0023_groups_may_go'),
        ('devices', '0024_lists_of_devices'),
        ('devices', '0025_devices_by_enrollment'),
        ('devices', '0026_ends_of_forgotten_commands'),
    ]

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='BulkCommand',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='blk')),
                ('name', models.CharField(help_text='RequestType, or Settings.<Item>.', max_length=80)),
                ('parameters', organization.models.sealed.SealedField(help_text='As they were given, as a property list.')),
                ('actor', models.CharField(max_length=200)),
                ('waiting', models.JSONField(default=list, help_text='Keys of the devices still to be asked.')),
                ('total', models.PositiveIntegerField(default=0)),
                ('queued', models.PositiveIntegerField(default=0)),
                ('joined', models.PositiveIntegerField(db_default=0, default=0, help_text='Of the queued ones: how many had the same command waiting already.')),
                ('refused', models.PositiveIntegerField(default=0)),
                ('refusals', models.JSONField(default=dict, help_text='Reasons and how many devices have each.')),
                ('refused_devices', models.JSONField(db_default=models.Value([], models.JSONField()), default=list, help_text="The first ones: the device's key, and the reason.")),
                ('finished_at', models.DateTimeField(blank=True, db_index=True, null=True)),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='Group',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='grp')),
                ('name', models.CharField(max_length=100, unique=True)),
                ('description', models.TextField(blank=True)),
                ('lists_all_apps', models.BooleanField(default=False, help_text='Ask devices that are not supervised for every app, not the managed ones alone.')),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='Device',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('information', models.JSONField(default=dict, help_text='QueryResponses of DeviceInformation.')),
                ('information_reported_at', models.DateTimeField(blank=True, null=True)),
                ('os_version_number', models.BigIntegerField(blank=True, help_text='os_version as a number that can be compared.', null=True)),
                ('is_supervised', models.BooleanField(blank=True, null=True)),
                ('activation_lock_enabled', models.BooleanField(blank=True, null=True)),
                ('capacity', models.FloatField(blank=True, help_text='In units of 2^30 bytes.', null=True)),
                ('available_capacity', models.FloatField(blank=True, help_text='As capacity.', null=True)),
                ('battery_level', models.FloatField(blank=True, help_text='From 0 to 1.', null=True)),
                ('imei', models.CharField(blank=True, max_length=32)),
                ('phone_number', models.CharField(blank=True, max_length=32)),
                ('wifi_mac', models.CharField(blank=True, max_length=32)),
                ('bluetooth_mac', models.CharField(blank=True, max_length=32)),
                ('ethernet_mac', models.CharField(blank=True, max_length=32)),
                ('security', models.JSONField(default=dict, help_text='SecurityInfo of the last answer.')),
                ('security_reported_at', models.DateTimeField(blank=True, null=True)),
                ('passcode_present', models.BooleanField(blank=True, null=True)),
                ('passcode_compliant', models.BooleanField(blank=True, help_text='With every rule, those of profiles included.', null=True)),
                ('hardware_encryption', models.PositiveSmallIntegerField(blank=True, help_text='HardwareEncryptionCaps: 1 blocks, 2 files, 3 both.', null=True)),
                ('filevault_enabled', models.BooleanField(blank=True, null=True)),
                ('recovery_key', models.CharField(blank=True, help_text='personal, institutional, both or none.', max_length=16)),
                ('recovery_key_escrowed', models.BooleanField(blank=True, help_text='The Mac has sent its personal recovery key, encrypted.', null=True)),
                ('firewall_enabled', models.BooleanField(blank=True, null=True)),
                ('sip_enabled', models.BooleanField(blank=True, null=True)),
                ('secure_boot', models.CharField(blank=True, help_text='SecureBootLevel.', max_length=16)),
                ('remote_desktop_enabled', models.BooleanField(blank=True, null=True)),
                ('applications_reported_at', models.DateTimeField(blank=True, null=True)),
                ('certificates_reported_at', models.DateTimeField(blank=True, null=True)),
                ('users', models.JSONField(default=list, help_text='UserList as last answered.')),
                ('users_reported_at', models.DateTimeField(blank=True, null=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='dev')),
                ('udid', models.CharField(help_text='UDID; EnrollmentID of a User Enrollment.', max_length=64, unique=True)),
                ('is_user_enrollment', models.BooleanField(default=False)),
                ('serial_number', models.CharField(blank=True, db_index=True, max_length=64)),
                ('name', models.CharField(blank=True, max_length=255)),
                ('model', models.CharField(blank=True, help_text='For example MacBookPro18,1.', max_length=64)),
                ('model_name', models.CharField(blank=True, help_text='For example iPhone.', max_length=128)),
                ('product_name', models.CharField(blank=True, max_length=128)),
                ('platform', models.CharField(choices=[('ios', 'iOS'), ('ipados', 'iPadOS'), ('macos', 'macOS'), ('other', 'Other')], default='other', max_length=10)),
                ('os_version', models.CharField(blank=True, max_length=32)),
                ('build_version', models.CharField(blank=True, max_length=32)),
                ('owner', models.CharField(blank=True, db_index=True, help_text='An e-mail address where there is one.', max_length=200)),
                ('owner_name', models.CharField(blank=True, help_text="That person's name.", max_length=200)),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='devices', to='devices.group')),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('enrolled', 'Enrolled'), ('managed', 'Managed'), ('not_managed', 'Not Managed'), ('unenrolled', 'Unenrolled')], default='pending', max_length=12)),
                ('status_reason', models.CharField(blank=True, max_length=255)),
                ('warning', models.CharField(blank=True, help_text='What looks wrong, such as a second device of its serial.', max_length=255)),
                ('dismissed_warnings', models.JSONField(db_default=models.Value([], models.JSONField()), default=list, help_text='What an administrator has looked at, and stays so: it is not said again.')),
                ('last_seen_at', models.DateTimeField(blank=True, null=True)),
                ('enrolled_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [models.Index(fields=['status', 'id'], name='device_by_status'), models.Index(fields=['os_version', 'id'], name='device_by_os'), models.Index(fields=['enrolled_at', 'id'], name='device_by_enrollment'), models.Index(fields=['information_reported_at'], name='device_reported'), models.Index(fields=['platform', '-id'], name='device_platform'), models.Index(fields=['name'], name='device_name'), models.Index(fields=['os_version_number'], name='device_os_version'), models.Index(fields=['is_supervised', '-id'], name='device_supervised'), models.Index(condition=models.Q(('filevault_enabled', False)), fields=['-id'], name='device_unencrypted'), models.Index(condition=models.Q(('passcode_present', False)), fields=['-id'], name='device_unlocked')],
            },
        ),
        migrations.CreateModel(
            name='Enrollment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('push_token', organization.models.sealed.SealedField(blank=True, null=True)),
                ('push_magic', organization.models.sealed.SealedField(blank=True, null=True)),
                ('token_update_count', models.PositiveIntegerField(default=0)),
                ('token_updated_at', models.DateTimeField(blank=True, null=True)),
                ('push_suspended_at', models.DateTimeField(blank=True, help_text='APNs said the token is dead; the next TokenUpdate clears it.', null=True)),
                ('push_requested_at', models.DateTimeField(blank=True, null=True)),
                ('push_turn', models.DateTimeField(blank=True, help_text='Set with push_requested_at: of all that are requested, the latest goes first.', null=True)),
                ('push_claimed_at', models.DateTimeField(blank=True, help_text='Since then a worker has the push in hand.', null=True)),
                ('push_sent_at', models.DateTimeField(blank=True, null=True)),
                ('push_attempts', models.PositiveSmallIntegerField(default=0, help_text='Since the last message; without push_error: accepted by APNs and ignored.')),
                ('push_unanswered_since', models.DateTimeField(blank=True, help_text='When the first of push_attempts was sent; of no meaning while that is 0.', null=True)),
                ('push_not_before', models.DateTimeField(blank=True, null=True)),
                ('push_error', models.CharField(blank=True, max_length=255)),
                ('public_id', organization.models.public.PublicIdField(prefix='enr')),
                ('device', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='enrollments', to='devices.device')),
                ('state', models.CharField(choices=[('authenticated', 'Authenticated'), ('live', 'Live'), ('superseded', 'Superseded'), ('checked_out', 'Checked out'), ('removed', 'Removed')], default='authenticated', max_length=15)),
                ('group', models.ForeignKey(blank=True, db_constraint=False, help_text='The device joins it when this enrollment becomes live; it may be deleted later.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='devices.group')),
                ('session_id', models.CharField(blank=True, db_index=True, max_length=32)),
                ('certificate_sha256', models.CharField(help_text='SHA-256 of the pinned identity certificate, hex.', max_length=64, unique=True)),
                ('certificate_not_after', models.DateTimeField()),
                ('previous_certificate_sha256', models.CharField(blank=True, db_index=True, help_text='The identity before the last renewal; it may still speak for a day.', max_length=64)),
                ('renewed_at', models.DateTimeField(blank=True, null=True)),
                ('renewal_started_at', models.DateTimeField(blank=True, help_text='Set while a renewal of the identity is under way.', null=True)),
                ('renewal_command_uuid', models.CharField(blank=True, max_length=36)),
                ('renewal_attempts', models.PositiveSmallIntegerField(default=0)),
                ('renewal_not_before', models.DateTimeField(blank=True, help_text='A failed renewal is not tried again earlier.', null=True)),
                ('renewal_error', models.CharField(blank=True, max_length=255)),
                ('topic', models.CharField(max_length=255)),
                ('access_rights', models.PositiveIntegerField(blank=True, help_text='What its enrollment profile asked for (AccessRights).', null=True)),
                ('owner', models.CharField(blank=True, help_text="The device's once this enrollment becomes live.", max_length=200)),
                ('owner_name', models.CharField(blank=True, max_length=200)),
                ('unlock_token', organization.models.sealed.SealedField(blank=True, null=True)),
                ('bootstrap_token', organization.models.sealed.SealedField(blank=True, help_text='Escrowed by a Mac.', null=True)),
                ('awaiting_configuration', models.BooleanField(blank=True, help_text='AwaitingConfiguration as last told; none: never told.', null=True)),
                ('reported_profiles', models.JSONField(default=list, help_text='ProfileList as last answered, without payload contents.')),
                ('profiles_reported_at', models.DateTimeField(blank=True, null=True)),
                ('reported_applications', models.JSONField(default=dict, help_text='ManagedApplicationList as last answered.')),
                ('applications_reported_at', models.DateTimeField(blank=True, null=True)),
                ('inventory_due_at', models.DateTimeField(blank=True, help_text='When its device is asked for its facts again.', null=True)),
                ('connected_at', models.DateTimeField(blank=True, help_text='When its device first came for a command.', null=True)),
                ('last_seen_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [models.Index(condition=models.Q(('state', 'live')), fields=['inventory_due_at'], name='enrollment_inventory'), models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['ended_at'], name='enrollment_ended'), models.Index(condition=models.Q(('renewal_started_at__isnull', False)), fields=['renewal_started_at'], name='enrollment_renewing'), models.Index(condition=models.Q(('push_requested_at__isnull', False)), fields=['-push_turn'], name='enrollment_push_requested'), models.Index(condition=models.Q(('push_claimed_at__isnull', False)), fields=['push_claimed_at'], name='enrollment_push_claimed')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'live')), fields=('device',), name='one_live_enrollment_per_device')],
            },
        ),
        migrations.CreateModel(
            name='UserChannel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('push_token', organization.models.sealed.SealedField(blank=True, null=True)),
                ('push_magic', organization.models.sealed.SealedField(blank=True, null=True)),
                ('token_update_count', models.PositiveIntegerField(default=0)),
                ('token_updated_at', models.DateTimeField(blank=True, null=True)),
                ('push_suspended_at', models.DateTimeField(blank=True, help_text='APNs said the token is dead; the next TokenUpdate clears it.', null=True)),
                ('push_requested_at', models.DateTimeField(blank=True, null=True)),
                ('push_turn', models.DateTimeField(blank=True, help_text='Set with push_requested_at: of all that are requested, the latest goes first.', null=True)),
                ('push_claimed_at', models.DateTimeField(blank=True, help_text='Since then a worker has the push in hand.', null=True)),
                ('push_sent_at', models.DateTimeField(blank=True, null=True)),
                ('push_attempts', models.PositiveSmallIntegerField(default=0, help_text='Since the last message; without push_error: accepted by APNs and ignored.')),
                ('push_unanswered_since', models.DateTimeField(blank=True, help_text='When the first of push_attempts was sent; of no meaning while that is 0.', null=True)),
                ('push_not_before', models.DateTimeField(blank=True, null=True)),
                ('push_error', models.CharField(blank=True, max_length=255)),
                ('public_id', organization.models.public.PublicIdField(prefix='usr')),
                ('enrollment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='user_channels', to='devices.enrollment')),
                ('user_id', models.CharField(help_text='UserID; EnrollmentUserID of a User Enrollment.', max_length=64)),
                ('short_name', models.CharField(blank=True, max_length=255)),
                ('long_name', models.CharField(blank=True, max_length=255)),
                ('not_on_console', models.BooleanField(blank=True, help_text='Whether the user works from elsewhere; none: not told.', null=True)),
                ('last_seen_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-id',),
                'constraints': [models.UniqueConstraint(fields=('enrollment', 'user_id'), name='one_channel_per_enrollment_and_user')],
            },
        ),
        migrations.CreateModel(
            name='Command',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='cmd')),
                ('uuid', models.CharField(help_text='CommandUUID.', max_length=36, unique=True)),
                ('enrollment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='commands', to='devices.enrollment')),
                ('device', models.ForeignKey(db_index=False, editable=False, help_text="The enrollment's, so that a device's history is one walk through an index.", on_delete=django.db.models.deletion.CASCADE, related_name='+', to='devices.device')),
                ('user_channel', models.ForeignKey(blank=True, db_index=False, help_text="None: the device's channel.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='commands', to='devices.userchannel')),
                ('bulk', models.ForeignKey(blank=True, db_index=False, help_text='What asked many devices for it.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='commands', to='devices.bulkcommand')),
                ('request_type', models.CharField(max_length=64)),
                ('body', organization.models.sealed.SealedField(help_text='The Command dictionary as a property list.')),
                ('priority', models.SmallIntegerField(default=0, help_text='Higher goes first; lock and erase: 100.')),
                ('origin', models.CharField(blank=True, help_text='Who asked: an actor or `item:<id>`.', max_length=64)),
                ('unique_key', models.CharField(blank=True, help_text='One command with this key waits at a time; or empty.', max_length=96)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('sent', 'Sent'), ('not_now', 'Not now'), ('acknowledged', 'Acknowledged'), ('error', 'Error'), ('format_error', 'Command format error'), ('cancelled', 'Cancelled'), ('expired', 'Expired')], default='queued', max_length=14)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('not_before', models.DateTimeField(blank=True, help_text='After NotNow: not before.', null=True)),
                ('expires_at', models.DateTimeField(blank=True, help_text='Not handed out from then on; none: waits for ever.', null=True)),
                ('completed_at', models.DateTimeField(blank=True, null=True)),
                ('result', models.JSONField(default=dict, help_text='The answer, without the keys of every answer.')),
                ('error_chain', models.JSONField(default=list)),
                ('forgotten_at', models.DateTimeField(blank=True, help_text='When body and result were dropped: the row stays.', null=True)),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [models.Index(condition=models.Q(('completed_at__isnull', True)), fields=['enrollment', '-priority', 'id'], name='command_queue'), models.Index(condition=models.Q(('completed_at__isnull', True), ('expires_at__isnull', False)), fields=['expires_at'], name='command_expiry'), models.Index(condition=models.Q(('completed_at__isnull', False), ('forgotten_at__isnull', True)), fields=['completed_at'], name='command_retention'), models.Index(condition=models.Q(('forgotten_at__isnull', False), models.Q(('request_type__in', ('DeviceLock', 'EraseDevice')), _negated=True)), fields=['completed_at'], name='command_forgotten_end'), models.Index(condition=models.Q(('forgotten_at__isnull', False), ('request_type__in', ('DeviceLock', 'EraseDevice'))), fields=['completed_at'], name='command_forgotten_pin'), models.Index(condition=models.Q(('bulk__isnull', False)), fields=['bulk', '-id'], name='command_of_bulk'), models.Index(condition=models.Q(('user_channel__isnull', False)), fields=['user_channel'], name='command_user_channel'), models.Index(fields=['device', '-id'], name='command_history'), models.Index(fields=['enrollment', 'request_type', 'completed_at'], name='command_by_type')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('completed_at__isnull', True), models.Q(('unique_key', ''), _negated=True)), fields=('enrollment', 'unique_key'), name='one_waiting_command_per_key')],
            },
        ),
        migrations.CreateModel(
            name='DeviceCertificate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('device', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='certificates', to='devices.device')),
                ('sha256', models.CharField(help_text='Of the whole certificate, hex.', max_length=64)),
                ('common_name', models.CharField(blank=True, max_length=255)),
                ('subject', models.CharField(blank=True, help_text='RFC 4514.', max_length=512)),
                ('issuer', models.CharField(blank=True, help_text='RFC 4514.', max_length=512)),
                ('serial', models.CharField(blank=True, help_text='Hexadecimal.', max_length=64)),
                ('not_after', models.DateTimeField(blank=True, null=True)),
                ('is_identity', models.BooleanField(default=False, help_text='The device has its private key.')),
            ],
            options={
                'ordering': ('id',),
                'constraints': [models.UniqueConstraint(fields=('device', 'sha256'), name='certificate_once_a_device')],
            },
        ),
        migrations.CreateModel(
            name='EscrowedSecret',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('public_id', organization.models.public.PublicIdField(prefix='sec')),
                ('enrollment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='secrets', to='devices.enrollment')),
                ('kind', models.CharField(choices=[('recovery_lock', 'Recovery lock password'), ('firmware_password', 'Firmware password'), ('filevault_key', 'FileVault recovery key'), ('bypass_code', 'Activation Lock bypass code'), ('admin_password', "Administrator's password"), ('location', 'Location'), ('reply_key', 'Key that opens encrypted answers')], max_length=20)),
                ('value', organization.models.sealed.SealedField()),
                ('command_uuid', models.CharField(blank=True, db_index=True, help_text='The command that sets it.', max_length=36)),
                ('confirmed_at', models.DateTimeField(blank=True, help_text='The device has it, or has told it.', null=True)),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [models.Index(fields=['enrollment', 'kind', '-id'], name='escrowed_secret_kind')],
            },
        ),
        migrations.CreateModel(
            name='SoftwareTitle',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', organization.models.public.PublicIdField(prefix='app')),
                ('identifier', models.CharField(help_text='Bundle identifier; the name where there is none.', max_length=255, unique=True)),
                ('name', models.CharField(help_text='As most devices call it.', max_length=255)),
                ('version_count', models.PositiveIntegerField(default=0)),
                ('device_count', models.PositiveIntegerField(default=0)),
            ],
            options={
                'ordering': ('-device_count', 'id'),
                'indexes': [models.Index(fields=['-device_count', 'id'], name='software_by_devices')],
            },
        ),
        migrations.CreateModel(
            name='SoftwareVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='devices.softwaretitle')),
                ('digest', models.CharField(help_text='Of everything below.', max_length=32, unique=True)),
                ('name', models.CharField(blank=True, max_length=255)),
                ('version', models.CharField(blank=True, max_length=128)),
                ('short_version', models.CharField(blank=True, max_length=128)),
                ('source', models.CharField(blank=True, max_length=64)),
                ('device_count', models.PositiveIntegerField(default=0)),
                ('first_seen_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ('-device_count', 'id'),
            },
        ),
        migrations.CreateModel(
            name='InstalledApplication',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('device', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='applications', to='devices.device')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='installs', to='devices.softwareversion')),
                ('bundle_size', models.BigIntegerField(null=True)),
                ('dynamic_size', models.BigIntegerField(null=True)),
            ],
            options={
                'ordering': ('id',),
                'indexes': [models.Index(fields=['version', 'device'], name='application_of_devices')],
                'constraints': [models.UniqueConstraint(fields=('device', 'version'), name='application_once_a_device')],
            },
        ),
        migrations.CreateModel(
            name='ManagedApplication',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('enrollment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='managed_applications', to='devices.enrollment')),
                ('identifier', models.CharField(help_text='The bundle identifier.', max_length=255)),
                ('configuration', organization.models.sealed.SealedField(blank=True, help_text='JSON; it may hold passwords.', null=True)),
                ('configuration_reported_at', models.DateTimeField(blank=True, null=True)),
                ('feedback', models.JSONField(default=dict)),
                ('feedback_reported_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('identifier',),
                'constraints': [models.UniqueConstraint(fields=('enrollment', 'identifier'), name='one_row_per_managed_application')],
            },
        ),
        migrations.CreateModel(
            name='PushCertificate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('topic', models.CharField(blank=True, max_length=255)),
                ('certificate', models.BinaryField(blank=True, help_text='X.509, DER; none: only a CSR yet.', null=True)),
                ('private_key', organization.models.sealed.SealedField(help_text='PKCS#8, DER.')),
                ('apple_account', models.CharField(blank=True, max_length=200)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('not_after', models.DateTimeField(blank=True, null=True)),
                ('is_active', models.BooleanField(default=False)),
                ('warned_days', models.PositiveSmallIntegerField(blank=True, help_text='The last expiry warning given: days ahead.', null=True)),
                ('refused_at', models.DateTimeField(blank=True, help_text='When APNs last refused it; saving the row forgives.', null=True)),
                ('refusal', models.CharField(blank=True, help_text="APNs' reason for that.", max_length=255)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='StatusReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('enrollment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='status_reports', to='devices.enrollment')),
                ('user_channel', models.OneToOneField(blank=True, help_text="None: the device's channel.", null=True, on_delete=django.db.models.deletion.CASCADE, to='devices.userchannel')),
                ('items', models.JSONField(default=dict, help_text='StatusItems.')),
                ('errors', models.JSONField(default=list, help_text='Errors of the last report.')),
                ('reported_at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('user_channel', None)), fields=('enrollment',), name='one_device_status_per_enrollment')],
            },
        ),
        migrations.RunPython(leave_room, migrations.RunPython.noop),
        migrations.RunPython(make_index, migrations.RunPython.noop),
    ]
