from django.db import models

from enrollment.models.token import EnrollmentToken
from organization.models import PublicIdField, TimeStamped


class MailState(models.TextChoices):
    """Where the mail with the link is; NONE = the link goes out by other means."""

    NONE = "none", "Not mailed"
    QUEUED = "queued", "Waiting to be mailed"
    SENDING = "sending", "Being mailed"
    SENT = "sent", "Mailed"
    FAILED = "failed", "Mail failed"


class Invitation(TimeStamped):
    """One person who was invited with a token; `token` is the person's own, made from it."""

    public_id = PublicIdField(prefix="inv")
    token = models.OneToOneField(EnrollmentToken, models.CASCADE, related_name="invitation")
    name = models.CharField(max_length=200, blank=True)
    email = models.CharField(max_length=200)
    language = models.CharField(max_length=5, default="en")
    mail_state = models.CharField(max_length=8, choices=MailState, default=MailState.NONE)
    mail_requested_at = models.DateTimeField(null=True, blank=True)
    mail_due_at = models.DateTimeField(null=True, blank=True, help_text="Not tried earlier.")
    mail_claimed_at = models.DateTimeField(null=True, blank=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    mail_error = models.CharField(max_length=300, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    device_id = models.CharField(max_length=32, blank=True, help_text="`dev_…`")
    enrolled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(
                fields=["mail_due_at"],
                condition=models.Q(mail_state__in=("queued", "sending")),
                name="invitation_mail_due",
            )
        ]

    def __str__(self) -> str:
        return self.name or self.email


class InvitationState(models.TextChoices):
    """How far a person is; never stored, see enrollment.selectors."""

    INVITED = "invited", "Invited"
    QUEUED = "queued", "Waiting to be mailed"
    MAILED = "mailed", "Mailed"
    MAIL_FAILED = "mail_failed", "Mail failed"
    STARTED = "started", "Profile requested"
    ENROLLED = "enrolled", "Enrolled"
    EXHAUSTED = "exhausted", "Token used up"
    EXPIRED = "expired", "Expired"
    REVOKED = "revoked", "Revoked"
