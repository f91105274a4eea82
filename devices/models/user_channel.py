from django.db import models

from devices.models.enrollment import Enrollment
from devices.models.push_target import PushTarget
from organization.models import PublicIdField, TimeStamped


class UserChannel(PushTarget, TimeStamped):
    """A user of a Mac as an enrollment knows them: push facts and a command queue of their own.

    The user's TokenUpdate makes it, or opens it again; it ends with its enrollment at the latest.
    """

    public_id = PublicIdField(prefix="usr")
    enrollment = models.ForeignKey(Enrollment, models.CASCADE, related_name="user_channels")
    user_id = models.CharField(
        max_length=64, help_text="UserID; EnrollmentUserID of a User Enrollment."
    )
    short_name = models.CharField(max_length=255, blank=True)
    long_name = models.CharField(max_length=255, blank=True)
    not_on_console = models.BooleanField(
        null=True, blank=True, help_text="Whether the user works from elsewhere; none: not told."
    )
    last_seen_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["enrollment", "user_id"], name="one_channel_per_enrollment_and_user"
            )
        ]

    def __str__(self) -> str:
        return self.long_name or self.short_name or self.user_id
