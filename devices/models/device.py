from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from devices.models.facts import DeviceFacts
from devices.models.group import Group
from organization.models import PublicIdField, TimeStamped


class DeviceStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    ENROLLED = "enrolled", "Enrolled"
    MANAGED = "managed", "Managed"
    NOT_MANAGED = "not_managed", "Not Managed"
    UNENROLLED = "unenrolled", "Unenrolled"


class Platform(models.TextChoices):
    IOS = "ios", "iOS"
    IPADOS = "ipados", "iPadOS"
    MACOS = "macos", "macOS"
    OTHER = "other", "Other"


LARGE_OF_DEVICE = ("information", "security", "users")
"""Its columns that are not read where many devices are."""


class Device(DeviceFacts, TimeStamped):
    """A physical device, told apart by its UDID, through all its enrollments.

    A User Enrollment tells no UDID and no serial number, and a new EnrollmentID each time.
    """

    public_id = PublicIdField(prefix="dev")
    udid = models.CharField(
        max_length=64, unique=True, help_text="UDID; EnrollmentID of a User Enrollment."
    )
    is_user_enrollment = models.BooleanField(default=False)
    serial_number = models.CharField(max_length=64, blank=True, db_index=True)
    name = models.CharField(max_length=255, blank=True)
    model = models.CharField(max_length=64, blank=True, help_text="For example MacBookPro18,1.")
    model_name = models.CharField(max_length=128, blank=True, help_text="For example iPhone.")
    product_name = models.CharField(max_length=128, blank=True)
    platform = models.CharField(max_length=10, choices=Platform, default=Platform.OTHER)
    os_version = models.CharField(max_length=32, blank=True)
    build_version = models.CharField(max_length=32, blank=True)
    owner = models.CharField(
        max_length=200, blank=True, help_text="An e-mail address where there is one."
    )
    owner_name = models.CharField(max_length=200, blank=True, help_text="That person's name.")
    group = models.ForeignKey(Group, models.PROTECT, null=True, blank=True, related_name="devices")
    status = models.CharField(max_length=12, choices=DeviceStatus, default=DeviceStatus.PENDING)
    status_reason = models.CharField(max_length=255, blank=True)
    warning = models.CharField(
        max_length=255,
        blank=True,
        help_text="What looks wrong, such as a second device of its serial.",
    )
    dismissed_warnings = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        help_text="What an administrator has looked at, and stays so: it is not said again.",
    )
    last_seen_at = models.DateTimeField(null=True, blank=True)
    enrolled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = [
            # In both directions: lists are ordered by it, too, and thousands have the same.
            models.Index(fields=["status", "id"], name="device_by_status"),
            models.Index(fields=["os_version", "id"], name="device_by_os"),
            models.Index(fields=["enrolled_at", "id"], name="device_by_enrollment"),
            models.Index(fields=["information_reported_at"], name="device_reported"),
            models.Index(fields=["platform", "-id"], name="device_platform"),
            models.Index(fields=["name", "id"], name="device_by_name"),
            models.Index(fields=["owner", "id"], name="device_by_owner"),
            models.Index(fields=["os_version_number"], name="device_os_version"),
            models.Index(Coalesce("os_version_number", Value(0)), F("id"), name="device_os_order"),
            models.Index(fields=["is_supervised", "-id"], name="device_supervised"),
            models.Index(
                fields=["-id"],
                condition=models.Q(filevault_enabled=False),
                name="device_unencrypted",
            ),
            models.Index(
                fields=["-id"], condition=models.Q(passcode_present=False), name="device_unlocked"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.serial_number or self.udid
