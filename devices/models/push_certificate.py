from django.db import models

from organization.models import SealedField, TimeStamped


class PushCertificate(TimeStamped):
    """The APNs push certificate; its topic is in every enrollment: renew it, never replace it."""

    topic = models.CharField(max_length=255, blank=True)
    certificate = models.BinaryField(
        null=True, blank=True, help_text="X.509, DER; none: only a CSR yet."
    )
    private_key = SealedField(help_text="PKCS#8, DER.")
    apple_account = models.CharField(max_length=200, blank=True)
    not_after = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=False)
    refused_at = models.DateTimeField(
        null=True, blank=True, help_text="When APNs last refused it; saving the row forgives."
    )
    refusal = models.CharField(max_length=255, blank=True, help_text="APNs' reason for that.")

    def __str__(self) -> str:
        return self.topic or "push certificate request"
