from django.db import models

from enrollment.models.token import EnrollmentToken
from organization.models import PublicIdField, TimeStamped


class Kiosk(TimeStamped):
    """A screen that shows codes for one device each, made from `token`, to whoever passes by."""

    public_id = PublicIdField(prefix="kio")
    token = models.ForeignKey(EnrollmentToken, models.CASCADE, related_name="kiosks")
    key_sha256 = models.CharField(max_length=64, help_text="Of what its browser's cookie holds.")
    language = models.CharField(max_length=10)
    started_by = models.CharField(max_length=200)
    ended_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True, help_text="When it last asked.")
    code = models.ForeignKey(
        EnrollmentToken,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The child that it shows.",
    )
    shown_at = models.DateTimeField(null=True, blank=True, help_text="Since when.")

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.public_id
