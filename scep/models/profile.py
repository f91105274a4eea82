from django.db import models

from organization.models import PublicIdField, SealedField, TimeStamped
from scep.models.authority import CertificateAuthority


class ChallengeType(models.TextChoices):
    STATIC = "static", "Static"
    DYNAMIC = "dynamic", "Dynamic"
    TOKEN = "token", "Token-based"


class ScepServerType(models.TextChoices):
    BUILTIN = "builtin", "Built-in CA"
    EXTERNAL = "external", "External SCEP server"


class HookType(models.TextChoices):
    """Where an external server's one-time challenges come from."""

    NDES = "ndes", "NDES admin page"
    JSON = "json", "JSON over HTTPS"


class KeyUsage(models.IntegerChoices):
    """The bits of the SCEP payload's "Key Usage". An identity must be able to sign."""

    SIGNING = 1, "Signing"
    SIGNING_AND_ENCRYPTION = 5, "Signing and encryption"


def default_subject() -> list[str]:
    return ["O={organization}", "CN={session}"]


class ScepProfile(TimeStamped):
    """How devices get an identity certificate: from which server, by which challenge, which key."""

    public_id = PublicIdField(prefix="scep")
    name = models.CharField(max_length=100, unique=True)
    server_type = models.CharField(
        max_length=10, choices=ScepServerType, default=ScepServerType.BUILTIN
    )
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
    key_usage = models.PositiveSmallIntegerField(
        choices=KeyUsage, default=KeyUsage.SIGNING_AND_ENCRYPTION
    )
    subject = models.JSONField(
        default=default_subject, help_text='Relative names in order, like "CN={serial}".'
    )
    subject_alternative_names = models.JSONField(
        default=list, blank=True, help_text='Like "dns={serial}.example.com".'
    )
    validity_days = models.PositiveSmallIntegerField(default=365)
    renewal_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Days before expiry; none: 180, or a third of the life."
    )
    hold_for_approval = models.BooleanField(
        default=False, help_text="New enrollments wait for an administrator."
    )
    single_certificate = models.BooleanField(
        default=False, help_text="GetCACert answers with one certificate, without an RA."
    )
    issuing_ca = models.ForeignKey(
        CertificateAuthority,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="scep_profiles",
        help_text="None for an external server.",
    )

    external_url = models.CharField(max_length=500, blank=True)
    ca_name = models.CharField(
        max_length=100, blank=True, help_text="The CA's identifier where a server has several."
    )
    ca_fingerprint = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of an external CA certificate, confirmed."
    )
    trusted_cas = models.ManyToManyField(
        CertificateAuthority, blank=True, related_name="trusting_profiles"
    )
    hook_type = models.CharField(max_length=10, choices=HookType, blank=True)
    hook_url = models.CharField(max_length=500, blank=True)
    hook_username = models.CharField(max_length=200, blank=True)
    hook_password = SealedField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    check_code = models.CharField(
        max_length=40, blank=True, help_text="What the last check found; empty when all was well."
    )
    check_message = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def is_external(self) -> bool:
        """Whether another server than this one issues by the profile."""
        return self.server_type == ScepServerType.EXTERNAL
