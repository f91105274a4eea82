from django.db import models

from organization.models import PublicIdField, SealedField, TimeStamped


class CertificateAuthorityRole(models.TextChoices):
    """SINGLE signs, and decrypts as well, for SCEP clients that can handle one certificate only.

    INTERMEDIATE stands between an imported issuing CA and its root; EXTERNAL belongs to somebody
    else's SCEP server. Neither has a key here.
    """

    ROOT = "root", "Root CA"
    INTERMEDIATE = "intermediate", "Intermediate CA"
    ISSUING = "issuing", "Issuing CA"
    SINGLE = "single", "SCEP CA"
    EXTERNAL = "external", "External CA"


class CertificateAuthorityState(models.TextChoices):
    """A RETIRED one signs nothing new, but its certificates live on and its CRL goes on."""

    NEXT = "next", "Next"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


class CertificateAuthority(TimeStamped):
    """A CA: the root, which people trust, those that issue below it, and trusted strangers."""

    public_id = PublicIdField(prefix="ca")
    role = models.CharField(max_length=15, choices=CertificateAuthorityRole)
    state = models.CharField(
        max_length=10, choices=CertificateAuthorityState, default=CertificateAuthorityState.ACTIVE
    )
    name = models.CharField(max_length=200)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children"
    )
    certificate = models.BinaryField(help_text="X.509, DER.")
    fingerprint = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the DER, hex.")
    private_key = SealedField(null=True, blank=True, help_text="PKCS#8, DER.")
    is_imported = models.BooleanField(default=False)
    not_after = models.DateTimeField()
    activates_at = models.DateTimeField(
        null=True, blank=True, help_text="When a next CA takes over by itself."
    )
    retired_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revocation_reason = models.CharField(max_length=40, blank=True, db_default="")
    warned_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="The last expiry warning given: days ahead."
    )

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=["role", "state"],
                condition=models.Q(role__in=["issuing", "single"], state__in=["next", "active"]),
                name="one_authority_per_state",
            )
        ]

    def __str__(self) -> str:
        return self.name
