from django.db import models

from devices.models.enrollment import Enrollment
from organization.models import PublicIdField, SealedField, TimeStamped


class SecretKind(models.TextChoices):
    RECOVERY_LOCK = "recovery_lock", "Recovery lock password"
    FIRMWARE_PASSWORD = "firmware_password", "Firmware password"
    FILEVAULT_KEY = "filevault_key", "FileVault recovery key"
    BYPASS_CODE = "bypass_code", "Activation Lock bypass code"
    ADMIN_PASSWORD = "admin_password", "Administrator's password"
    LOCATION = "location", "Location"
    REPLY_KEY = "reply_key", "Key that opens encrypted answers"


class EscrowedSecret(TimeStamped):
    """A secret of a device that is kept for its organization; every reveal is audited.

    One that a command sets is kept from the moment it is queued, and confirmed by the answer:
    a password that a device may have taken is never lost. None is changed: a new one is a new row.
    """

    public_id = PublicIdField(prefix="sec")
    enrollment = models.ForeignKey(Enrollment, models.CASCADE, related_name="secrets")
    kind = models.CharField(max_length=20, choices=SecretKind)
    value = SealedField()
    command_uuid = models.CharField(
        max_length=36, blank=True, db_index=True, help_text="The command that sets it."
    )
    confirmed_at = models.DateTimeField(
        null=True, blank=True, help_text="The device has it, or has told it."
    )

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(fields=["enrollment", "kind", "-id"], name="escrowed_secret_kind")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.enrollment_id}"
