from typing import Any

from django.db import models
from django.db.models import Q

from devices.models.bulk_command import BulkCommand
from devices.models.device import Device
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
    EXPIRED = "expired", "Expired"


OPEN_STATES = (CommandState.QUEUED, CommandState.SENT, CommandState.NOT_NOW)
# What is open has no end yet. The indexes ask for this alone: a command that is handed out or put
# off changes nothing in them, and PostgreSQL then need not write one.
HAS_NO_END = Q(completed_at__isnull=True)
IS_OPEN = HAS_NO_END & Q(state__in=[state.value for state in OPEN_STATES])
# The PIN in their bodies may be the only way back into a Mac.
WITH_PIN = ("DeviceLock", "EraseDevice")
FORGOTTEN = Q(forgotten_at__isnull=False) & ~Q(request_type__in=WITH_PIN)
FORGOTTEN_PIN = Q(forgotten_at__isnull=False, request_type__in=WITH_PIN)
NOT_FORGOTTEN = Q(completed_at__isnull=False, forgotten_at__isnull=True)
OVER = (NOT_FORGOTTEN, FORGOTTEN, FORGOTTEN_PIN)
"""All commands that are over, by the indexes that know which was over when."""


class Command(TimeStamped):
    """One MDM command for a channel of an enrollment, from the queue to its first final result."""

    public_id = PublicIdField(prefix="cmd")
    uuid = models.CharField(max_length=36, unique=True, help_text="CommandUUID.")
    enrollment = models.ForeignKey(
        Enrollment, models.CASCADE, related_name="commands", db_index=False
    )
    device = models.ForeignKey(
        Device,
        models.CASCADE,
        related_name="+",
        db_index=False,
        editable=False,
        help_text="The enrollment's, so that a device's history is one walk through an index.",
    )
    user_channel = models.ForeignKey(
        UserChannel,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="commands",
        db_index=False,
        help_text="None: the device's channel.",
    )
    bulk = models.ForeignKey(
        BulkCommand,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="commands",
        db_index=False,
        help_text="What asked many devices for it.",
    )
    request_type = models.CharField(max_length=64)
    body = SealedField(help_text="The Command dictionary as a property list.")
    priority = models.SmallIntegerField(
        default=0, help_text="Higher goes first; lock and erase: 100."
    )
    origin = models.CharField(
        max_length=64, blank=True, help_text="Who asked: an actor or `item:<id>`."
    )
    unique_key = models.CharField(
        max_length=96, blank=True, help_text="One command with this key waits at a time; or empty."
    )
    state = models.CharField(max_length=14, choices=CommandState, default=CommandState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True, help_text="After NotNow: not before.")
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Not handed out from then on; none: waits for ever."
    )
    completed_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(
        default=dict, help_text="The answer, without the keys of every answer."
    )
    error_chain = models.JSONField(default=list)
    forgotten_at = models.DateTimeField(
        null=True, blank=True, help_text="When body and result were dropped: the row stays."
    )

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["enrollment", "unique_key"],
                condition=HAS_NO_END & ~Q(unique_key=""),
                name="one_waiting_command_per_key",
            )
        ]
        # A finished command is only in those that its history needs.
        indexes = [
            models.Index(
                fields=["enrollment", "-priority", "id"], condition=HAS_NO_END, name="command_queue"
            ),
            models.Index(
                fields=["expires_at"],
                condition=HAS_NO_END & Q(expires_at__isnull=False),
                name="command_expiry",
            ),
            models.Index(
                fields=["completed_at"], condition=NOT_FORGOTTEN, name="command_retention"
            ),
            models.Index(
                fields=["completed_at"], condition=FORGOTTEN, name="command_forgotten_end"
            ),
            models.Index(
                fields=["completed_at"], condition=FORGOTTEN_PIN, name="command_forgotten_pin"
            ),
            models.Index(
                fields=["bulk", "-id"],
                condition=models.Q(bulk__isnull=False),
                name="command_of_bulk",
            ),
            # Nearly every command is of no user. An index of these, too, PostgreSQL may take for
            # one of a few rows, and read it whole (docs/adr/0195).
            models.Index(
                fields=["user_channel"],
                condition=Q(user_channel__isnull=False),
                name="command_user_channel",
            ),
            models.Index(fields=["device", "-id"], name="command_history"),
            models.Index(
                fields=["enrollment", "request_type", "completed_at"], name="command_by_type"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_type} {self.uuid}"

    def save(self, *args: Any, **options: Any) -> None:
        if self.device_id is None:
            self.device_id = self.enrollment.device_id
        super().save(*args, **options)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def is_forgotten(self) -> bool:
        """Whether its body is gone: the row is among FORGOTTEN."""
        return self.forgotten_at is not None and self.request_type not in WITH_PIN
