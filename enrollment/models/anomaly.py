from django.db import models

from enrollment.models.token import EnrollmentToken


class AnomalyKind(models.TextChoices):
    """What is unusual; the values are codes of the enrollment log."""

    BURST = "enrollment_burst", "Many enrollments began"
    TOKEN_REFUSALS = "token_often_refused", "A token was refused often"
    ADDRESS_REFUSALS = "address_often_refused", "An address was refused often"


class Anomaly(models.Model):
    """Something unusual about one token or one address, told once in an hour."""

    kind = models.CharField(max_length=24, choices=AnomalyKind)
    subject = models.CharField(max_length=64, help_text="The token's `jti`, or the address.")
    hour = models.PositiveIntegerField(help_text="Since 1970, in UTC.")
    token = models.ForeignKey(
        EnrollmentToken, models.CASCADE, null=True, blank=True, related_name="anomalies"
    )
    remote_address = models.GenericIPAddressField(null=True, blank=True)
    count = models.PositiveIntegerField(help_text="In the ten minutes before it was told.")
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "anomalies"
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject", "hour"], name="one_anomaly_per_subject_and_hour"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}"
