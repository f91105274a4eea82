from django.db import models

from organization.models.public import PublicIdField, TimeStamped


class Organization(TimeStamped):
    """The one organization this server belongs to; a token's `sub` is its public id."""

    public_id = PublicIdField(prefix="org")
    name = models.CharField(max_length=200)
    support_contact = models.CharField(
        max_length=200,
        blank=True,
        help_text="An address, number or link shown to people whose enrollment fails.",
    )

    def __str__(self) -> str:
        return self.name
