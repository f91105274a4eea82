from django.db import models

from devices.models.enrollment import Enrollment
from organization.models import SealedField


class ManagedApplication(models.Model):
    """What a device has told of the data that a managed app and its organization exchange."""

    enrollment = models.ForeignKey(Enrollment, models.CASCADE, related_name="managed_applications")
    identifier = models.CharField(max_length=255, help_text="The bundle identifier.")
    configuration = SealedField(null=True, blank=True, help_text="JSON; it may hold passwords.")
    configuration_reported_at = models.DateTimeField(null=True, blank=True)
    feedback = models.JSONField(default=dict)
    feedback_reported_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("identifier",)
        constraints = [
            models.UniqueConstraint(
                fields=["enrollment", "identifier"], name="one_row_per_managed_application"
            )
        ]

    def __str__(self) -> str:
        return self.identifier
