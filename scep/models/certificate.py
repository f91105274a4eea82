from django.db import models

from organization.models import PublicIdField, TimeStamped
from scep.models.authority import CertificateAuthority
from scep.models.profile import ScepProfile
from scep.protocol.revocation_reasons import KEY_COMPROMISE


class CertificateStatus(models.TextChoices):
    """INTENDED is written before the CA signs, so that no signature exists without a row."""

    INTENDED = "intended", "Being issued"
    ISSUED = "issued", "Issued"
    REVOKED = "revoked", "Revoked"


class CertificatePurpose(models.TextChoices):
    """What a certificate of ours proves: nobody is let in by one that was made for another use."""

    IDENTITY = "identity", "Device identity"
    PROFILE_SERVICE = "profile_service", "Profile Service"


class IssuedCertificate(TimeStamped):
    """A device's identity certificate, from the intent to sign it to its end.

    Those that an external CA signed are recorded when they are first seen.
    """

    public_id = PublicIdField(prefix="crt")
    issuer = models.ForeignKey(
        CertificateAuthority, models.PROTECT, related_name="issued", db_index=False
    )
    scep_profile = models.ForeignKey(
        ScepProfile,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="certificates",
        db_index=False,
    )
    status = models.CharField(
        max_length=10, choices=CertificateStatus, default=CertificateStatus.INTENDED
    )
    purpose = models.CharField(
        max_length=16, choices=CertificatePurpose, default=CertificatePurpose.IDENTITY
    )
    serial = models.CharField(max_length=40, help_text="Hexadecimal.")
    subject = models.CharField(max_length=255, help_text="RFC 4514.")
    fingerprint = models.CharField(max_length=64, unique=True, null=True, blank=True)
    certificate = models.BinaryField(null=True, blank=True, help_text="X.509, DER.")
    public_key_sha256 = models.CharField(max_length=64, help_text="Of SubjectPublicKeyInfo, hex.")
    transaction_id = models.CharField(max_length=255, null=True, blank=True)
    session_id = models.CharField(max_length=32, blank=True)
    token_id = models.CharField(
        max_length=64, blank=True, help_text="The jti of the token behind it."
    )
    device_id = models.CharField(
        max_length=32, blank=True, help_text="`dev_…`, once it has checked in."
    )
    renews = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="renewals", db_index=False
    )
    lacks_attributes = models.BooleanField(
        default=False,
        help_text="The profile's template names device attributes that were not known yet.",
    )
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revocation_reason = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["scep_profile", "transaction_id"],
                condition=models.Q(transaction_id__isnull=False),
                name="one_certificate_per_transaction",
            ),
            models.UniqueConstraint(fields=["issuer", "serial"], name="one_serial_per_issuer"),
        ]
        # Each costs at every certificate; db_index would make two of each on PostgreSQL. The
        # issuer's is the constraint's, and the SCEP profile's that of its expiry.
        indexes = [
            models.Index(fields=["session_id"], name="certificate_session"),
            models.Index(fields=["token_id"], name="certificate_token"),
            models.Index(fields=["device_id"], name="certificate_device"),
            models.Index(
                fields=["renews"],
                condition=models.Q(renews__isnull=False),
                name="certificate_renews",
            ),
            models.Index(fields=["status", "not_after"], name="certificate_expiry"),
            models.Index(
                fields=["scep_profile", "status", "not_after"], name="certificate_profile_expiry"
            ),
            # For the search: its words are looked for in this index and not in whole rows.
            models.Index(fields=["subject"], name="certificate_subject"),
            models.Index(
                fields=["issuer", "not_after"],
                condition=models.Q(status="revoked"),
                name="certificate_revoked",
            ),
            models.Index(
                fields=["public_key_sha256"],
                condition=models.Q(revocation_reason=KEY_COMPROMISE),
                name="certificate_compromised_key",
            ),
        ]

    def __str__(self) -> str:
        return self.subject
