from django.db import models

from devices.models.enrollment import Enrollment
from devices.models.user_channel import UserChannel


class StatusReport(models.Model):
    """What one channel has said of itself by declarative management, as far as it is known.

    A device sends only what has changed, so each report is merged into those before it.
    """

    enrollment = models.ForeignKey(Enrollment, models.CASCADE, related_name="status_reports")
    user_channel = models.OneToOneField(
        UserChannel, models.CASCADE, null=True, blank=True, help_text="None: the device's channel."
    )
    items = models.JSONField(default=dict, help_text="StatusItems.")
    errors = models.JSONField(default=list, help_text="Errors of the last report.")
    reported_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["enrollment"],
                condition=models.Q(user_channel=None),
                name="one_device_status_per_enrollment",
            )
        ]

    def __str__(self) -> str:
        return f"status of {self.enrollment_id}"
