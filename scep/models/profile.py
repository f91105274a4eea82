from django.db import models

from organization.models import PublicIdField, SealedField, TimeStamped
from scep.models.authority import CertificateAuthority


class ChallengeType(models.TextChoices):
    STATIC = "static", "Static"
    DYNAMIC = "dynamic", "Dynamic"
    TOKEN = "token", "Token-based"


class ScepProfile(TimeStamped):
    """How devices get an identity certificate: which CA, which challenge, which key."""

    public_id = PublicIdField(prefix="scep")
    name = models.CharField(max_length=100, unique=True)
    challenge_type = models.CharField(
        max_length=10, choices=ChallengeType, default=ChallengeType.DYNAMIC
    )
    static_challenge = SealedField(null=True, blank=True)
    allow_legacy = models.BooleanField(
        default=False, help_text="Accept 3DES and SHA-1 from devices that know nothing better."
    )
    key_size = models.PositiveSmallIntegerField(
        default=2048, choices=[(2048, "2048"), (4096, "4096")]
    )
    validity_days = models.PositiveSmallIntegerField(default=365)
    issuing_ca = models.ForeignKey(
        CertificateAuthority, models.PROTECT, related_name="scep_profiles"
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
