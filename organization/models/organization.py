from django.db import models

from organization.models.public import PublicIdField, TimeStamped


class ServerTrust(models.TextChoices):
    """Whether devices trust this server's TLS certificate without our root CA."""

    AUTOMATIC = "automatic", "Find out"
    PUBLIC = "public", "They trust it already"
    OWN = "own", "They must trust our root CA first"


class Organization(TimeStamped):
    """The one organization this server belongs to; a token's `sub` is its public id."""

    public_id = PublicIdField(prefix="org")
    name = models.CharField(max_length=200)
    support_contact = models.CharField(
        max_length=200,
        blank=True,
        help_text="An address, number or link shown to people whose enrollment fails.",
    )
    accent_colour = models.CharField(
        max_length=7, blank=True, help_text="`#rrggbb`, or empty for GuardMDM's blue."
    )
    enrollment_stopped_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when nobody enrolls anew; none = enrolling works."
    )
    enrollment_stopped_by = models.CharField(max_length=200, blank=True)
    logo_digest = models.CharField(
        max_length=16, blank=True, editable=False, help_text="In its address; empty = no logo."
    )
    server_trust = models.CharField(
        max_length=10, choices=ServerTrust, default=ServerTrust.AUTOMATIC
    )
    server_trust_found = models.CharField(
        max_length=10,
        blank=True,
        editable=False,
        help_text="Who vouches for the TLS certificate: public, own, other, or empty: unknown.",
    )
    trust_check_url = models.CharField(
        max_length=255,
        blank=True,
        editable=False,
        help_text="Of this server under another name: opens only where our root CA is trusted.",
    )

    def __str__(self) -> str:
        return self.name


class OrganizationLogo(models.Model):
    """The logo's files, apart from the row that every page reads."""

    organization = models.OneToOneField(Organization, models.CASCADE, related_name="logo_files")
    digest = models.CharField(max_length=16)
    page = models.BinaryField(help_text="PNG of a few KB, for screens.")
    large = models.BinaryField(help_text="PNG, for paper.")

    def __str__(self) -> str:
        return self.digest
