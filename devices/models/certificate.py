from django.db import models

from devices.models.device import Device


class DeviceCertificate(models.Model):
    """A certificate that a device says it has. What cannot be read has its common name only."""

    device = models.ForeignKey(Device, models.CASCADE, related_name="certificates", db_index=False)
    sha256 = models.CharField(max_length=64, help_text="Of the whole certificate, hex.")
    common_name = models.CharField(max_length=255, blank=True)
    subject = models.CharField(max_length=512, blank=True, help_text="RFC 4514.")
    issuer = models.CharField(max_length=512, blank=True, help_text="RFC 4514.")
    serial = models.CharField(max_length=64, blank=True, help_text="Hexadecimal.")
    not_after = models.DateTimeField(null=True, blank=True)
    is_identity = models.BooleanField(default=False, help_text="The device has its private key.")

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["device", "sha256"], name="certificate_once_a_device")
        ]

    def __str__(self) -> str:
        return self.common_name or self.subject or self.sha256
