from django.db import models
from django.db.models import Value

from organization.models import PublicIdField, SealedField, TimeStamped


class BulkCommand(TimeStamped):
    """One command for many devices: who is still to be asked, and who cannot be."""

    public_id = PublicIdField(prefix="blk")
    name = models.CharField(max_length=80, help_text="RequestType, or Settings.<Item>.")
    parameters = SealedField(help_text="As they were given, as a property list.")
    actor = models.CharField(max_length=200)
    waiting = models.JSONField(default=list, help_text="Keys of the devices still to be asked.")
    total = models.PositiveIntegerField(default=0)
    queued = models.PositiveIntegerField(default=0)
    joined = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text="Of the queued ones: how many had the same command waiting already.",
    )
    refused = models.PositiveIntegerField(default=0)
    refusals = models.JSONField(default=dict, help_text="Reasons and how many devices have each.")
    refused_devices = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        help_text="The first ones: the device's key, and the reason.",
    )
    finished_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ("-id",)

    @property
    def asked(self) -> int:
        """How many devices have had their turn."""
        return self.queued + self.refused

    def __str__(self) -> str:
        return f"{self.name} for {self.total} device{'' if self.total == 1 else 's'}"
