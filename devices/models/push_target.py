from django.db import models

from devices.protocol.apns import word_push_error
from organization.models import SealedField


class PushTarget(models.Model):
    """Where pushes go and how they fared: what a device's channel and a user's have alike."""

    push_token = SealedField(null=True, blank=True)
    push_magic = SealedField(null=True, blank=True)
    token_update_count = models.PositiveIntegerField(default=0)
    token_updated_at = models.DateTimeField(null=True, blank=True)
    push_suspended_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="APNs said the token is dead; the next TokenUpdate clears it.",
    )
    push_requested_at = models.DateTimeField(null=True, blank=True)
    push_turn = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Set with push_requested_at: of all that are requested, the latest goes first.",
    )
    push_claimed_at = models.DateTimeField(
        null=True, blank=True, help_text="Since then a worker has the push in hand."
    )
    push_sent_at = models.DateTimeField(null=True, blank=True)
    push_attempts = models.PositiveSmallIntegerField(
        default=0,
        help_text="Since the last message; without push_error: accepted by APNs and ignored.",
    )
    push_accepted = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        help_text="How many of push_attempts APNs took; of no meaning while those are 0.",
    )
    push_unanswered_since = models.DateTimeField(
        null=True, blank=True, help_text="When the first of push_accepted was sent."
    )
    push_not_before = models.DateTimeField(null=True, blank=True)
    push_error = models.CharField(max_length=255, blank=True)

    class Meta:
        abstract = True

    @property
    def push_error_text(self) -> str:
        """What people read of push_error."""
        return word_push_error(self.push_error)
