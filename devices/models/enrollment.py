from django.db import models

from devices.models.device import Device
from devices.models.group import Group
from devices.models.push_target import PushTarget
from organization.models import PublicIdField, SealedField, TimeStamped


class EnrollmentState(models.TextChoices):
    AUTHENTICATED = "authenticated", "Authenticated"
    LIVE = "live", "Live"
    SUPERSEDED = "superseded", "Superseded"
    CHECKED_OUT = "checked_out", "Checked out"
    REMOVED = "removed", "Removed"


GOING = (EnrollmentState.AUTHENTICATED, EnrollmentState.LIVE)
"""Those of an enrollment that is not over."""
LARGE_OF_ENROLLMENT = (
    *("reported_profiles", "reported_applications", "unlock_token", "bootstrap_token"),
)
"""Its columns that are not read where many enrollments are."""


class Enrollment(PushTarget, TimeStamped):
    """One enrollment of one device: a pinned certificate, push facts, a command queue.

    Authenticate makes it; the first TokenUpdate makes it live and supersedes the one before.
    """

    public_id = PublicIdField(prefix="enr")
    device = models.ForeignKey(Device, models.CASCADE, related_name="enrollments")
    state = models.CharField(
        max_length=15, choices=EnrollmentState, default=EnrollmentState.AUTHENTICATED
    )
    group = models.ForeignKey(
        Group,
        # A group that is gone stands on here: to empty 50,000 rows would keep their devices waiting
        # (docs/adr/0237).
        models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        help_text="The device joins it when this enrollment becomes live; it may be deleted later.",
    )
    session_id = models.CharField(max_length=32, blank=True, db_index=True)
    certificate_sha256 = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of the pinned identity certificate, hex."
    )
    certificate_not_after = models.DateTimeField()
    previous_certificate_sha256 = models.CharField(
        max_length=64,
        blank=True,
        db_index=True,
        help_text="The identity before the last renewal; it may still speak for a day.",
    )
    renewed_at = models.DateTimeField(null=True, blank=True)
    renewal_started_at = models.DateTimeField(
        null=True, blank=True, help_text="Set while a renewal of the identity is under way."
    )
    renewal_command_uuid = models.CharField(max_length=36, blank=True)
    renewal_attempts = models.PositiveSmallIntegerField(default=0)
    renewal_not_before = models.DateTimeField(
        null=True, blank=True, help_text="A failed renewal is not tried again earlier."
    )
    renewal_error = models.CharField(max_length=255, blank=True)
    topic = models.CharField(max_length=255)
    access_rights = models.PositiveIntegerField(
        null=True, blank=True, help_text="What its enrollment profile asked for (AccessRights)."
    )
    owner = models.CharField(
        max_length=200, blank=True, help_text="The device's once this enrollment becomes live."
    )
    owner_name = models.CharField(max_length=200, blank=True)
    unlock_token = SealedField(null=True, blank=True)
    bootstrap_token = SealedField(null=True, blank=True, help_text="Escrowed by a Mac.")
    awaiting_configuration = models.BooleanField(
        null=True, blank=True, help_text="AwaitingConfiguration as last told; none: never told."
    )
    reported_profiles = models.JSONField(
        default=list, help_text="ProfileList as last answered, without payload contents."
    )
    profiles_reported_at = models.DateTimeField(null=True, blank=True)
    reported_applications = models.JSONField(
        default=dict, help_text="ManagedApplicationList as last answered."
    )
    applications_reported_at = models.DateTimeField(null=True, blank=True)
    inventory_due_at = models.DateTimeField(
        null=True, blank=True, help_text="When its device is asked for its facts again."
    )
    connected_at = models.DateTimeField(
        null=True, blank=True, help_text="When its device first came for a command."
    )
    last_seen_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=models.Q(state=EnrollmentState.LIVE),
                name="one_live_enrollment_per_device",
            )
        ]
        indexes = [
            models.Index(
                fields=["inventory_due_at"],
                condition=models.Q(state=EnrollmentState.LIVE),
                name="enrollment_inventory",
            ),
            models.Index(
                fields=["ended_at"],
                condition=models.Q(ended_at__isnull=False),
                name="enrollment_ended",
            ),
            models.Index(
                fields=["renewal_started_at"],
                condition=models.Q(renewal_started_at__isnull=False),
                name="enrollment_renewing",
            ),
            # Of nothing that a message writes: an index of it makes PostgreSQL write all others
            # of the row, too (docs/adr/0197).
            models.Index(
                fields=["-push_turn"],
                condition=models.Q(push_requested_at__isnull=False),
                name="enrollment_push_requested",
            ),
            models.Index(
                fields=["push_claimed_at"],
                condition=models.Q(push_claimed_at__isnull=False),
                name="enrollment_push_claimed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} of {self.device_id}"
