from django.db import models
from django.db.models.functions import Now

from devices.models.device import Device
from organization.models import PublicIdField


class SoftwareTitle(models.Model):
    """An app in all its versions; who has it is counted by a sweep."""

    public_id = PublicIdField(prefix="app")
    identifier = models.CharField(
        max_length=255, unique=True, help_text="Bundle identifier; the name where there is none."
    )
    name = models.CharField(max_length=255, help_text="As most devices call it.")
    version_count = models.PositiveIntegerField(default=0)
    device_count = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("-device_count", "id")
        indexes = [models.Index(fields=["-device_count", "id"], name="software_by_devices")]

    def __str__(self) -> str:
        return self.name or self.identifier


class SoftwareVersion(models.Model):
    """What devices said of an app in the same words: stored once, however many they are."""

    title = models.ForeignKey(SoftwareTitle, models.CASCADE, related_name="versions")
    digest = models.CharField(max_length=32, unique=True, help_text="Of everything below.")
    name = models.CharField(max_length=255, blank=True)
    version = models.CharField(max_length=128, blank=True)
    short_version = models.CharField(max_length=128, blank=True)
    source = models.CharField(max_length=64, blank=True)
    device_count = models.PositiveIntegerField(default=0)
    first_seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-device_count", "id")

    def __str__(self) -> str:
        return self.short_version or self.version


class InstalledApplication(models.Model):
    """One app on one device; sizes in bytes, None where the device does not tell."""

    device = models.ForeignKey(Device, models.CASCADE, related_name="applications", db_index=False)
    version = models.ForeignKey(
        SoftwareVersion, models.CASCADE, related_name="installs", db_index=False
    )
    bundle_size = models.BigIntegerField(null=True)
    dynamic_size = models.BigIntegerField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["device", "version"], name="application_once_a_device")
        ]
        indexes = [models.Index(fields=["version", "device"], name="application_of_devices")]

    def __str__(self) -> str:
        return f"{self.version_id} on {self.device_id}"
