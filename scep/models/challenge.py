from django.db import models

from scep.models.profile import ScepProfile


class DynamicChallenge(models.Model):
    """A one-time SCEP password, made for one session and one SCEP profile."""

    scep_profile = models.ForeignKey(ScepProfile, models.CASCADE, related_name="dynamic_challenges")
    session_id = models.CharField(max_length=32, blank=True, db_index=True)
    secret_sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"challenge of {self.session_id or 'no session'}"
