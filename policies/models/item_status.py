from django.db import models

from devices.models import Enrollment
from policies.models.item import ItemKind, PolicyItem


class ItemState(models.TextChoices):
    PENDING = "pending", "Pending"
    INSTALLING = "installing", "Installing"
    INSTALLED = "installed", "Installed"
    FAILED = "failed", "Failed"
    REMOVING = "removing", "Removing"


class ItemStatus(models.Model):
    """How far one enrollment is from one item; it outlives the item until its removal is done."""

    enrollment = models.ForeignKey(Enrollment, models.CASCADE, related_name="item_statuses")
    item = models.ForeignKey(
        PolicyItem,
        # It is taken off devices one after the other, and stands here until that is done: to empty
        # 100,000 rows would keep the administrator waiting (docs/adr/0237).
        models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="statuses",
        db_constraint=False,
        help_text="It may be deleted: find_item.",
    )
    kind = models.CharField(max_length=10, choices=ItemKind)
    name = models.CharField(max_length=200)
    identifier = models.CharField(
        max_length=255, help_text="PayloadIdentifier, bundle identifier or store id."
    )
    bundle_id = models.CharField(
        max_length=255, blank=True, help_text="Of an app: as the item or the device says."
    )
    version = models.CharField(max_length=64, help_text="The version that the state speaks of.")
    state = models.CharField(max_length=12, choices=ItemState, default=ItemState.PENDING)
    command_uuid = models.CharField(
        max_length=36, blank=True, db_index=True, help_text="The command whose result is awaited."
    )
    error = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(
        null=True, blank=True, db_index=True, help_text="When to try or to ask again."
    )
    settled_at = models.DateTimeField(
        null=True, blank=True, help_text="When the device answered the last command for it."
    )
    was_accepted = models.BooleanField(
        default=False, help_text="The device has taken some version of it, so it may have it."
    )
    compared_at = models.DateTimeField(
        null=True, blank=True, help_text="The moment of the report it was last compared with."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "item statuses"
        constraints = [
            models.UniqueConstraint(
                fields=["enrollment", "kind", "identifier"], name="one_status_per_item"
            )
        ]
        indexes = [
            models.Index(
                fields=["enrollment"],
                condition=models.Q(state=ItemState.FAILED),
                name="item_failed",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"

    def find_item(self) -> PolicyItem | None:
        """Return the item, None where it is gone."""
        key = self.item_id
        return None if key is None else PolicyItem.objects.filter(pk=key).first()

    @property
    def is_awaited(self) -> bool:
        """Whether a command for it is on its way."""
        return bool(self.command_uuid)
