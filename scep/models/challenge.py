from django.db import models

from scep.models.certificate import IssuedCertificate
from scep.models.profile import ScepProfile


class ChallengePurpose(models.TextChoices):
    """All but ENROLLMENT fit a profile with any kind of challenge.

    SESSION stands in for a static challenge where the session must be proved. PROFILE_SERVICE
    brings the certificate of that service's third phase, and no identity.
    """

    ENROLLMENT = "enrollment", "Enrollment"
    SESSION = "session", "Session"
    PROFILE_SERVICE = "profile_service", "Profile Service"
    RENEWAL = "renewal", "Renewal"
    TEST = "test", "Test"


class DynamicChallenge(models.Model):
    """A one-time SCEP password, made for one session and one SCEP profile."""

    scep_profile = models.ForeignKey(ScepProfile, models.CASCADE, related_name="dynamic_challenges")
    purpose = models.CharField(
        max_length=16, choices=ChallengePurpose, default=ChallengePurpose.ENROLLMENT
    )
    session_id = models.CharField(max_length=32, blank=True, db_index=True)
    holds = models.BooleanField(default=False, help_text="Its request waits for an administrator.")
    renews = models.ForeignKey(
        IssuedCertificate, models.CASCADE, null=True, blank=True, related_name="+"
    )
    secret_sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"challenge of {self.session_id or 'no session'}"
