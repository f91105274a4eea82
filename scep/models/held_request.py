from django.db import models

from organization.models import PublicIdField, TimeStamped
from scep.models.certificate import IssuedCertificate
from scep.models.profile import ScepProfile


class HeldRequestState(models.TextChoices):
    """EXPIRED: its enrollment was over before anybody had decided.

    OUTDATED: so was the static challenge that it asked with.
    """

    PENDING = "pending", "Waiting for approval"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    EXPIRED = "expired", "Not decided in time"
    OUTDATED = "outdated", "Challenge changed"


class HeldRequest(TimeStamped):
    """A SCEP request whose challenge was good and which waits for an administrator.

    Its challenge is spent. The same key may ask again for the outcome (CertPoll), nobody else.
    """

    public_id = PublicIdField(prefix="req")
    scep_profile = models.ForeignKey(ScepProfile, models.CASCADE, related_name="held_requests")
    state = models.CharField(
        max_length=10, choices=HeldRequestState, default=HeldRequestState.PENDING
    )
    transaction_id = models.CharField(max_length=255)
    public_key_sha256 = models.CharField(max_length=64, help_text="Of SubjectPublicKeyInfo, hex.")
    common_name = models.CharField(max_length=255, blank=True, help_text="As claimed.")
    session_id = models.CharField(max_length=32, blank=True, db_index=True)
    token_id = models.CharField(max_length=64, blank=True, db_index=True)
    is_claimed = models.BooleanField(
        default=True, help_text="The session is what the request said, not what it proved."
    )
    max_certificates = models.PositiveIntegerField(
        default=0, help_text="How many its challenge may bring in all; 0 = no limit."
    )
    remote_address = models.GenericIPAddressField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=200, blank=True)
    certificate = models.ForeignKey(
        IssuedCertificate, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["scep_profile", "transaction_id"], name="one_held_request_per_transaction"
            )
        ]
        indexes = [models.Index(fields=["state", "created_at"], name="held_request_state")]

    def __str__(self) -> str:
        return f"{self.common_name or self.transaction_id} ({self.state})"
