from datetime import datetime, timedelta

from cryptography import x509
from django.db import models

from organization.models import SealedField, TimeStamped

EXPIRES_SOON = timedelta(days=60)


class PushCertificateState(models.TextChoices):
    MISSING = "missing", "Missing"
    VALID = "valid", "Valid"
    EXPIRING = "expiring", "Expiring"
    EXPIRED = "expired", "Expired"


class PushCertificate(TimeStamped):
    """The APNs push certificate; its topic is in every enrollment: renew it, never replace it."""

    topic = models.CharField(max_length=255, blank=True)
    certificate = models.BinaryField(
        null=True, blank=True, help_text="X.509, DER; none: only a CSR yet."
    )
    private_key = SealedField(help_text="PKCS#8, DER.")
    apple_account = models.CharField(max_length=200, blank=True)
    note = models.CharField(max_length=500, blank=True)
    not_after = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=False)
    warned_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="The last expiry warning given: days ahead."
    )
    refused_at = models.DateTimeField(
        null=True, blank=True, help_text="When APNs last refused it; saving the row forgives."
    )
    refusal = models.CharField(max_length=255, blank=True, help_text="APNs' reason for that.")

    def __str__(self) -> str:
        return self.topic or "push certificate request"

    @property
    def serial(self) -> str:
        """The certificate's serial number, hex, as Apple's portal shows it; "" without one."""
        if not self.certificate:
            return ""
        number = x509.load_der_x509_certificate(bytes(self.certificate)).serial_number
        return f"{number:X}"

    def get_state(self, now: datetime) -> PushCertificateState:
        """Whether pushes can be sent with it, and for how long."""
        if self.not_after is None:
            return PushCertificateState.MISSING
        if self.not_after <= now:
            return PushCertificateState.EXPIRED
        soon = self.not_after - now <= EXPIRES_SOON
        return PushCertificateState.EXPIRING if soon else PushCertificateState.VALID
