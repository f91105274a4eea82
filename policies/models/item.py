from django.db import models

from organization.models import PublicIdField, SealedField, TimeStamped
from policies.models.package import Package, PackageKind
from policies.models.policy import Policy


class ItemKind(models.TextChoices):
    PROFILE = "profile", "Configuration profile"
    APP = "app", "App"


class PolicyItem(TimeStamped):
    """One thing a policy puts on a device: a configuration profile or an app."""

    public_id = PublicIdField(prefix="itm")
    policy = models.ForeignKey(Policy, models.CASCADE, related_name="items")
    kind = models.CharField(max_length=10, choices=ItemKind)
    name = models.CharField(max_length=200)
    platforms = models.JSONField(
        default=list, help_text="Platform values; empty means every platform."
    )
    version = models.CharField(
        max_length=64,
        help_text="Of a profile its SHA-256, hex; of an app half that of what it is, half that "
        "of how it is configured.",
    )

    profile = SealedField(null=True, blank=True, help_text="Re-identified, unsigned, XML.")
    profile_identifier = models.CharField(max_length=255, blank=True)
    profile_uuid = models.CharField(max_length=36, blank=True)
    payload_types = models.JSONField(default=list)
    warnings = models.JSONField(
        default=list, help_text="What an administrator should know of the uploaded profile."
    )

    itunes_store_id = models.PositiveBigIntegerField(null=True, blank=True)
    manifest_url = models.URLField(max_length=500, blank=True)
    package = models.ForeignKey(
        Package, models.PROTECT, null=True, blank=True, related_name="items"
    )
    bundle_id = models.CharField(max_length=255, blank=True)
    configuration = SealedField(
        null=True, blank=True, help_text="What the app is configured with: a property list, XML."
    )

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name

    @property
    def identifier(self) -> str:
        """What tells the item apart on a device, through all its versions."""
        if self.kind == ItemKind.PROFILE:
            return self.profile_identifier
        return str(self.itunes_store_id or self.bundle_id or self.public_id)

    @property
    def is_configured(self) -> bool:
        return self.configuration is not None

    @property
    def is_mac_package(self) -> bool:
        """Whether a Mac's installer takes it: nobody manages, lists or removes it as an app."""
        return self.package is not None and self.package.kind == PackageKind.PKG

    def suits(self, platform: str) -> bool:
        return not self.platforms or platform in self.platforms
