import secrets

from django.db import models

from devices.models import Platform
from organization.models import PublicIdField, TimeStamped


class PackageKind(models.TextChoices):
    IPA = "ipa", "iOS app"
    PKG = "pkg", "macOS package"


def build_address() -> str:
    return secrets.token_hex(16)


class Package(TimeStamped):
    """An uploaded .ipa or .pkg; its file lies in the data folder under its SHA-256."""

    public_id = PublicIdField(prefix="pkg")
    kind = models.CharField(max_length=3, choices=PackageKind)
    name = models.CharField(max_length=255)
    identifier = models.CharField(
        max_length=255, help_text="The bundle identifier, or the product's where there is no one."
    )
    version = models.CharField(max_length=255)
    minimum_os = models.CharField(max_length=255, blank=True)
    platforms = models.JSONField(default=list, help_text="Platform values that can install it.")
    bundles = models.JSONField(
        default=dict, help_text="Of a macOS package: the version of each app, by identifier."
    )
    signer = models.CharField(max_length=255, blank=True, help_text="Of a macOS package.")
    file_name = models.CharField(max_length=255)
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64, unique=True)
    chunk_sha256s = models.JSONField(default=list, help_text="Hex, one for each chunk.")
    chunk_md5s = models.JSONField(default=list, help_text="Hex, one for each chunk.")
    address = models.CharField(
        max_length=32,
        unique=True,
        editable=False,
        default=build_address,
        help_text="In its URL: 128 random bits, which only devices are told.",
    )
    uploaded_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("-id",)

    @property
    def platform_names(self) -> str:
        return ", ".join(str(Platform(platform).label) for platform in self.platforms)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"
