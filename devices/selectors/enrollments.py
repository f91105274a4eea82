"""Reads of enrollments and of what was told on their channels."""

from django.db.models import F, Q, QuerySet

from devices.errors import NotEnrolled
from devices.models import (
    LARGE_OF_ENROLLMENT,
    Device,
    DeviceStatus,
    Enrollment,
    EnrollmentState,
    StatusReport,
    UserChannel,
)
from organization.models import Given, PreparedSelect

MOST_ENROLLMENTS = 50
MDM_PAYLOAD = "com.apple.mdm"
PINNED = PreparedSelect(
    lambda: Enrollment.objects.select_related("device").filter(
        Q(certificate_sha256=Given("fingerprint"))
        | Q(previous_certificate_sha256=Given("fingerprint"))
    )
)


def find_live_enrollment(device: Device) -> Enrollment | None:
    """Return the enrollment that commands go to, or None."""
    live = Enrollment.objects.select_related("device")
    return live.filter(device=device, state=EnrollmentState.LIVE).first()


def is_deletable(device: Device) -> bool:
    """Whether its record may be deleted: it is Unenrolled, or has never enrolled."""
    return device.status == DeviceStatus.UNENROLLED or find_live_enrollment(device) is None


def list_enrollments(device: Device) -> QuerySet[Enrollment]:
    """Return the newest MOST_ENROLLMENTS of the device's enrollments, whatever became of them."""
    rows = Enrollment.objects.filter(device=device).select_related("group")
    return rows.defer(*LARGE_OF_ENROLLMENT)[:MOST_ENROLLMENTS]


def get_live_enrollment(device: Device) -> Enrollment:
    """Like find_live_enrollment, but raises NotEnrolled."""
    enrollment = find_live_enrollment(device)
    if enrollment is None:
        raise NotEnrolled(f"{device} is not enrolled")
    return enrollment


def find_pinned_enrollment(certificate_sha256: str) -> Enrollment | None:
    """Return the enrollment that this identity certificate (hex) belongs to, whatever its state.

    That is also the one whose identity it was before the last renewal.
    """
    return PINNED.first(fingerprint=certificate_sha256) if certificate_sha256 else None


def find_enrollment_profile(enrollment: Enrollment) -> str:
    """Return the identifier of the profile with the MDM payload, "" before it was reported."""
    for profile in enrollment.reported_profiles:
        types = [payload.get("PayloadType") for payload in profile.get("PayloadContent", [])]
        if MDM_PAYLOAD in types:
            return str(profile.get("PayloadIdentifier", ""))
    return ""


def list_user_channels(device: Device) -> QuerySet[UserChannel]:
    """Open channels of the users of the device's live enrollment, by name."""
    going = UserChannel.objects.filter(
        enrollment__device=device, enrollment__state=EnrollmentState.LIVE, ended_at=None
    )
    return going.order_by("long_name", "short_name", "id")


def list_status_reports(device: Device) -> QuerySet[StatusReport]:
    """What the device's live enrollment has reported on each of its channels, its own first."""
    reports = StatusReport.objects.filter(
        enrollment__device=device, enrollment__state=EnrollmentState.LIVE
    )
    return reports.select_related("user_channel").order_by(F("user_channel").asc(nulls_first=True))
