from django.db import models

from scep.models.certificate import IssuedCertificate
from scep.models.profile import ScepProfile


class ChallengePurpose(models.TextChoices):
    """RENEWAL and TEST challenges are made by the server itself and fit any kind of profile."""

    ENROLLMENT = "enrollment", "Enrollment"
    RENEWAL = "renewal", "Renewal"
    TEST = "test", "Test"


class DynamicChallenge(models.Model):
    """A one-time SCEP password, made for one session and one SCEP profile."""

    scep_profile = models.ForeignKey(ScepProfile, models.CASCADE, related_name="dynamic_challenges")
    purpose = models.CharField(
        max_length=10, choices=ChallengePurpose, default=ChallengePurpose.ENROLLMENT
    )
    session_id = models.CharField(max_length=32, blank=True, db_index=True)
    renews = models.ForeignKey(
        IssuedCertificate, models.CASCADE, null=True, blank=True, related_name="+"
    )
    secret_sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"challenge of {self.session_id or 'no session'}"
