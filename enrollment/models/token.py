import uuid

from django.db import models

from devices.models import Group
from enrollment.models.signing_key import TokenSigningKey
from enrollment.protocol.access_rights import FULL, RIGHTS_LEVELS
from organization.models import Organization, TimeStamped
from scep.models import ScepProfile


class TokenState(models.TextChoices):
    """What a token is worth now; never stored, see enrollment.selectors."""

    ACTIVE = "active", "Active"
    EXPIRED = "expired", "Expired"
    EXHAUSTED = "exhausted", "Used up"
    REVOKED = "revoked", "Revoked"


def build_jti() -> str:
    return str(uuid.uuid4())


class EnrollmentToken(TimeStamped):
    """What an enrollment token's `jti` stands for; this row rules, the claims must equal it."""

    jti = models.CharField(max_length=36, unique=True, default=build_jti, editable=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="tokens")
    signing_key = models.ForeignKey(TokenSigningKey, models.PROTECT, related_name="tokens")
    parent = models.ForeignKey(
        "self",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="children",
        help_text="Whose quota it counts against, and whose end is its own.",
    )
    name = models.CharField(max_length=100)
    group = models.ForeignKey(
        Group,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="tokens",
        help_text="None: it was deleted when the token was worth nothing any more.",
    )
    scep_profile = models.ForeignKey(
        ScepProfile, models.PROTECT, null=True, blank=True, related_name="tokens"
    )
    former_group_id = models.CharField(
        max_length=32, blank=True, default="", db_default="", help_text="Of one that was deleted."
    )
    former_group_name = models.CharField(max_length=100, blank=True, default="", db_default="")
    former_scep_profile_id = models.CharField(
        max_length=32, blank=True, default="", db_default="", help_text="Of one that was deleted."
    )
    former_scep_profile_name = models.CharField(
        max_length=100, blank=True, default="", db_default=""
    )
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Whole seconds; none = never."
    )
    max_uses = models.PositiveIntegerField(default=0, help_text="0 = unlimited.")
    use_count = models.PositiveIntegerField(default=0)
    rights = models.CharField(
        max_length=10,
        choices=[(level.name, level.label) for level in RIGHTS_LEVELS.values()],
        default=FULL,
        help_text="What its profiles ask for; never changed, for a device's rights cannot grow.",
    )
    short_code_sha256 = models.CharField(
        max_length=64,
        unique=True,
        null=True,
        blank=True,
        editable=False,
        help_text="What its short link is found by; none before it was shown.",
    )
    hold_for_approval = models.BooleanField(
        default=False, help_text="An administrator decides about each device."
    )
    allowed_serial_count = models.PositiveIntegerField(
        default=0, help_text="How many serial numbers its list has; 0 = every device."
    )
    profile_service = models.BooleanField(
        default=False, help_text="Devices say what they are before they get a certificate."
    )
    sign_in_required = models.BooleanField(
        default=False, help_text="People sign in at the identity provider before they enroll."
    )
    expiry_warned_at = models.DateTimeField(null=True, blank=True, editable=False)
    quota_warned_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(max_length=200, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.name

    @property
    def group_public_id(self) -> str:
        """The group's `grp_…`, of one that was deleted as well."""
        return self.group.public_id if self.group else self.former_group_id

    @property
    def group_name(self) -> str:
        return self.group.name if self.group else self.former_group_name

    @property
    def scep_profile_public_id(self) -> str:
        """The SCEP profile's `scep_…`, of one that was deleted as well; "" for none."""
        return self.scep_profile.public_id if self.scep_profile else self.former_scep_profile_id

    @property
    def scep_profile_name(self) -> str:
        return self.scep_profile.name if self.scep_profile else self.former_scep_profile_name

    @property
    def has_lost_its_ground(self) -> bool:
        """Whether its group or SCEP profile was deleted: it never brings anything again."""
        return bool(self.former_group_id or self.former_scep_profile_id)


class AllowedSerial(models.Model):
    """A device that a token with a list lets in; the list of a child is its parent's."""

    token = models.ForeignKey(EnrollmentToken, models.CASCADE, related_name="allowed_serials")
    serial_number = models.CharField(max_length=64, help_text="In capitals.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["token", "serial_number"], name="one_row_per_token_and_serial"
            )
        ]

    def __str__(self) -> str:
        return self.serial_number


class TokenUse(models.Model):
    """A device that enrolled with a token: the same one again is not counted again."""

    token = models.ForeignKey(EnrollmentToken, models.CASCADE, related_name="uses")
    udid = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["token", "udid"], name="one_use_per_device_and_token")
        ]

    def __str__(self) -> str:
        return self.udid
