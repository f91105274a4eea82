from django.db import models

from organization.models import PublicIdField, SealedField, TimeStamped


class CertificateAuthorityRole(models.TextChoices):
    ROOT = "root", "Root CA"
    ISSUING = "issuing", "Issuing CA"


class CertificateAuthority(TimeStamped):
    """A CA of ours: the root, which people trust, or the issuing CA below it."""

    public_id = PublicIdField(prefix="ca")
    role = models.CharField(max_length=10, choices=CertificateAuthorityRole)
    name = models.CharField(max_length=200)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children"
    )
    certificate = models.BinaryField(help_text="X.509, DER.")
    fingerprint = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the DER, hex.")
    private_key = SealedField(help_text="PKCS#8, DER.")
    not_after = models.DateTimeField()
    is_active = models.BooleanField(default=True, help_text="Signs new certificates.")

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name
