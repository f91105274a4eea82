from django.db import models

from organization.models import SealedField, TimeStamped
from scep.models.authority import CertificateAuthority


class ServicePurpose(models.TextChoices):
    SCEP_RA = "scep_ra", "SCEP registration authority"
    PROFILE_SIGNING = "profile_signing", "Profile signing"


class ServiceCertificate(TimeStamped):
    """A certificate and key of this server itself: the SCEP RA, or the signer of profiles."""

    purpose = models.CharField(max_length=20, choices=ServicePurpose)
    issuer = models.ForeignKey(CertificateAuthority, models.PROTECT, related_name="+")
    certificate = models.BinaryField(help_text="X.509, DER.")
    fingerprint = models.CharField(max_length=64, unique=True)
    private_key = SealedField(help_text="PKCS#8, DER.")
    not_after = models.DateTimeField()
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.get_purpose_display()
