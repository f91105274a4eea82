from django.db import models

from devices.models.enrollment import Enrollment
from devices.models.user_channel import UserChannel
from organization.models import PublicIdField, SealedField, TimeStamped


class CommandState(models.TextChoices):
    QUEUED = "queued", "Queued"
    SENT = "sent", "Sent"
    NOT_NOW = "not_now", "Not now"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    ERROR = "error", "Error"
    FORMAT_ERROR = "format_error", "Command format error"
    CANCELLED = "cancelled", "Cancelled"


class Command(TimeStamped):
    """One MDM command for a channel of an enrollment, from the queue to its first final result."""

    public_id = PublicIdField(prefix="cmd")
    uuid = models.CharField(max_length=36, unique=True, help_text="CommandUUID.")
    enrollment = models.ForeignKey(Enrollment, models.CASCADE, related_name="commands")
    user_channel = models.ForeignKey(
        UserChannel,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="commands",
        help_text="None: the device's channel.",
    )
    request_type = models.CharField(max_length=64)
    body = SealedField(help_text="The Command dictionary as an XML property list.")
    priority = models.SmallIntegerField(
        default=0, help_text="Higher goes first; lock and erase: 100."
    )
    origin = models.CharField(
        max_length=64, blank=True, db_index=True, help_text="Who asked: an actor or `item:<id>`."
    )
    state = models.CharField(max_length=14, choices=CommandState, default=CommandState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True, help_text="After NotNow: not before.")
    completed_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(
        default=dict, help_text="The answer, without the keys of every answer."
    )
    error_chain = models.JSONField(default=list)

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["enrollment", "state", "-priority", "id"], name="command_queue"),
            models.Index(fields=["state", "not_before"], name="command_sweep"),
        ]

    def __str__(self) -> str:
        return f"{self.request_type} {self.uuid}"
