"""From the bytes of a message to the enrollment that sent it: extract, verify, pin (D1, D3)."""

from datetime import datetime, timedelta

from django.conf import settings

from devices.errors import MessageRefused
from devices.models import Enrollment, EnrollmentState
from devices.protocol.identity import extract_signature, verify_signature
from devices.selectors import find_pinned_enrollment
from devices.services.warnings import flag_device
from scep.errors import IdentityNotTrusted
from scep.models import IssuedCertificate
from scep.selectors import verify_identity

CLOCK_SKEW = timedelta(minutes=10)
OVER = {
    EnrollmentState.SUPERSEDED: "the enrollment was superseded by a newer one",
    EnrollmentState.CHECKED_OUT: "the device has checked out of this enrollment",
    EnrollmentState.REMOVED: "an administrator has ended this enrollment",
}


def verify_sender(header: str, *, content: bytes, now: datetime) -> IssuedCertificate:
    """Return the identity certificate of ours that signed `content`; raises MessageRefused."""
    certificate = verify_signature(
        extract_signature(header),
        content=content,
        allow_sha1=settings.MDM_SIGNATURE_ALLOW_SHA1,
    )
    try:
        return verify_identity(certificate, now=now, leeway=CLOCK_SKEW)
    except IdentityNotTrusted as error:
        raise MessageRefused(error.code, f"the identity certificate: {error}") from error


def get_sender(certificate: IssuedCertificate, *, udid: str) -> Enrollment:
    """Return the enrollment pinned to the certificate, in any state; raises MessageRefused."""
    enrollment = find_pinned_enrollment(certificate.fingerprint or "")
    if enrollment is None:
        raise MessageRefused("identity_not_trusted", "no enrollment belongs to the certificate")
    check_udid(enrollment, udid=udid)
    return enrollment


def check_udid(enrollment: Enrollment, *, udid: str) -> None:
    """Raises MessageRefused for a message in another device's name, and flags the sender."""
    if enrollment.device.udid != udid:
        flag_device(enrollment.device, warning="Its certificate spoke for another UDID.")
        raise MessageRefused("identity_not_trusted", "the certificate belongs to another device")


def check_not_over(enrollment: Enrollment) -> None:
    """Raises MessageRefused for an enrollment that has ended.

    A superseded one that speaks again means that two devices say they are the same (D4).
    """
    reason = OVER.get(EnrollmentState(enrollment.state))
    if reason is None:
        return
    if enrollment.state == EnrollmentState.SUPERSEDED:
        flag_device(
            enrollment.device, warning="Two devices with different certificates use its UDID."
        )
    raise MessageRefused("identity_not_trusted", reason)
