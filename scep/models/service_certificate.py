from django.db import models

from organization.models import PublicIdField, SealedField, TimeStamped
from scep.models.authority import CertificateAuthority


class ServicePurpose(models.TextChoices):
    SCEP_RA = "scep_ra", "SCEP registration authority"
    PROFILE_SIGNING = "profile_signing", "Profile signing"
    OCSP_SIGNING = "ocsp_signing", "OCSP signing"
    TLS_SERVER = "tls_server", "TLS server"


class ServiceCertificate(TimeStamped):
    """A certificate of this server itself, with its key unless that is kept in a file (TLS).

    Several may be there for one purpose: the newest active one signs, the others still decrypt
    and verify until they expire.
    """

    public_id = PublicIdField(prefix="svc")
    purpose = models.CharField(max_length=20, choices=ServicePurpose)
    issuer = models.ForeignKey(CertificateAuthority, models.PROTECT, related_name="+")
    certificate = models.BinaryField(help_text="X.509, DER.")
    fingerprint = models.CharField(max_length=64, unique=True)
    serial = models.CharField(max_length=40, db_index=True, help_text="Hexadecimal.")
    private_key = SealedField(null=True, blank=True, help_text="PKCS#8, DER.")
    not_after = models.DateTimeField()
    is_active = models.BooleanField(default=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revocation_reason = models.CharField(max_length=40, blank=True)
    warned_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="The last expiry warning given: days ahead."
    )

    def __str__(self) -> str:
        return self.get_purpose_display()
