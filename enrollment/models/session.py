from django.db import models

from enrollment.models.token import EnrollmentToken
from enrollment.protocol.person import Person
from organization.models import PublicIdField, TimeStamped
from scep.models import HeldRequestState


class SessionState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    PROFILE_DOWNLOADED = "profile_downloaded", "Profile downloaded"
    CERTIFICATE_ISSUED = "certificate_issued", "Certificate issued"
    AUTHENTICATED = "authenticated", "Authenticated"
    ENROLLED = "enrolled", "Enrolled"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"


class EnrollmentSession(TimeStamped):
    """One attempt of one person to enroll one device; its id runs through the whole path."""

    public_id = PublicIdField(prefix="ses")
    token = models.ForeignKey(EnrollmentToken, models.CASCADE, related_name="sessions")
    state = models.CharField(max_length=20, choices=SessionState, default=SessionState.WAITING)
    platform = models.CharField(max_length=10, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    remote_address = models.GenericIPAddressField(null=True, blank=True)
    is_return = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Of a device that was erased and comes back by itself.",
    )
    expires_at = models.DateTimeField()
    base_url = models.CharField(
        max_length=255, blank=True, help_text="In its profile, where it can never change."
    )
    device_id = models.CharField(max_length=32, blank=True, help_text="`dev_…`")
    enrolled_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(
        null=True, blank=True, help_text="When silence may mean something; none: nothing is due."
    )
    reported_code = models.CharField(
        max_length=40, blank=True, help_text="The silence that was logged last."
    )
    failure_code = models.CharField(max_length=40, blank=True)
    approval = models.CharField(
        max_length=10,
        choices=HeldRequestState,
        blank=True,
        help_text="Of one that waits at the page, before there is a profile to download.",
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=200, blank=True)
    person_name = models.CharField(max_length=200, blank=True)
    person_email = models.CharField(max_length=200, blank=True)
    person_subject = models.CharField(
        max_length=255, blank=True, help_text="By which the identity provider knows the person."
    )

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(due_at__isnull=False),
                name="session_due",
            ),
            models.Index(
                # A device's sessions, and those of the last days that have none.
                fields=["device_id", "-created_at"],
                name="session_device",
            ),
            models.Index(
                fields=["-id"], condition=models.Q(approval="pending"), name="session_waiting"
            ),
            models.Index(fields=["expires_at"], name="session_expiry"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def person(self) -> Person:
        return Person(self.person_name, self.person_email, self.person_subject)
