from django.db import models

from enrollment.models.token import EnrollmentToken
from organization.models import PublicIdField


class LogLevel(models.TextChoices):
    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    ERROR = "error", "Error"


class LogEntry(models.Model):
    """One step or refusal on the way to a managed device; its code tells cause and resolution."""

    public_id = PublicIdField(prefix="log")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    level = models.CharField(max_length=8, choices=LogLevel)
    code = models.CharField(max_length=40)
    message = models.CharField(max_length=500)
    session_id = models.CharField(max_length=32, blank=True, db_index=True)
    token = models.ForeignKey(
        EnrollmentToken, models.SET_NULL, null=True, blank=True, related_name="log_entries"
    )
    device_id = models.CharField(max_length=32, blank=True, db_index=True, help_text="`dev_…`")
    remote_address = models.GenericIPAddressField(null=True, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "log entries"
        indexes = [
            models.Index(fields=["level", "-id"], name="log_level"),
            models.Index(fields=["code", "-id"], name="log_code"),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
