from django.db import models

from devices.models import Group
from organization.models import PublicIdField, TimeStamped


class Policy(TimeStamped):
    """A set of items that every device of its groups should have."""

    public_id = PublicIdField(prefix="pol")
    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True)
    groups: "models.ManyToManyField[Group, models.Model]" = models.ManyToManyField(
        Group, blank=True, related_name="policies"
    )

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name
