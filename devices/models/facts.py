from django.db import models


class DeviceFacts(models.Model):
    """What a device last said of itself, in columns that lists are filtered by.

    None and "" mean: it did not say. Each set of facts has the moment of its last answer; the
    apps and certificates have tables of their own, profiles stand on the enrollment.
    """

    information = models.JSONField(default=dict, help_text="QueryResponses of DeviceInformation.")
    information_reported_at = models.DateTimeField(null=True, blank=True)
    os_version_number = models.BigIntegerField(
        null=True, blank=True, help_text="os_version as a number that can be compared."
    )
    is_supervised = models.BooleanField(null=True, blank=True)
    activation_lock_enabled = models.BooleanField(null=True, blank=True)
    capacity = models.FloatField(null=True, blank=True, help_text="In units of 2^30 bytes.")
    available_capacity = models.FloatField(null=True, blank=True, help_text="As capacity.")
    battery_level = models.FloatField(null=True, blank=True, help_text="From 0 to 1.")
    imei = models.CharField(max_length=32, blank=True)
    phone_number = models.CharField(max_length=32, blank=True)
    wifi_mac = models.CharField(max_length=32, blank=True)
    bluetooth_mac = models.CharField(max_length=32, blank=True)
    ethernet_mac = models.CharField(max_length=32, blank=True)

    security = models.JSONField(default=dict, help_text="SecurityInfo of the last answer.")
    security_reported_at = models.DateTimeField(null=True, blank=True)
    passcode_present = models.BooleanField(null=True, blank=True)
    passcode_compliant = models.BooleanField(
        null=True, blank=True, help_text="With every rule, those of profiles included."
    )
    hardware_encryption = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="HardwareEncryptionCaps: 1 blocks, 2 files, 3 both."
    )
    filevault_enabled = models.BooleanField(null=True, blank=True)
    recovery_key = models.CharField(
        max_length=16, blank=True, help_text="personal, institutional, both or none."
    )
    recovery_key_escrowed = models.BooleanField(
        null=True, blank=True, help_text="The Mac has sent its personal recovery key, encrypted."
    )
    firewall_enabled = models.BooleanField(null=True, blank=True)
    sip_enabled = models.BooleanField(null=True, blank=True)
    secure_boot = models.CharField(max_length=16, blank=True, help_text="SecureBootLevel.")
    remote_desktop_enabled = models.BooleanField(null=True, blank=True)

    applications_reported_at = models.DateTimeField(null=True, blank=True)
    certificates_reported_at = models.DateTimeField(null=True, blank=True)
    users = models.JSONField(default=list, help_text="UserList as last answered.")
    users_reported_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
