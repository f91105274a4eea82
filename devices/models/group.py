from django.db import models

from organization.models import PublicIdField, TimeStamped


class Group(TimeStamped):
    """Devices that get the same policies."""

    public_id = PublicIdField(prefix="grp")
    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True)
    lists_all_apps = models.BooleanField(
        default=False,
        help_text="Ask devices that are not supervised for every app, not the managed ones alone.",
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
