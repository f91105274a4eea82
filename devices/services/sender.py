"""From the bytes of a message to the enrollment that sent it: extract, verify, pin (D1, D3)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from devices.errors import MessageRefused
from devices.models import Enrollment, EnrollmentState
from devices.protocol.client_certificate import decode_client_certificate
from devices.protocol.identity import Proof, build_proof, extract_signature, verify_signature
from devices.selectors import find_pinned_enrollment
from devices.services.identities.ended import find_ended_identity
from devices.services.identities.renewed import (
    check_replaced,
    find_external_renewal,
    find_renewing_enrollment,
    repin,
)
from devices.services.warnings import flag_device
from scep.errors import IdentityNotTrusted, IdentityRevoked
from scep.models import IssuedCertificate
from scep.services.external_identities import identify

CLOCK_SKEW = timedelta(minutes=10)
OVER = {
    EnrollmentState.SUPERSEDED: "the enrollment was superseded by a newer one",
    EnrollmentState.CHECKED_OUT: "the device has checked out of this enrollment",
    EnrollmentState.REMOVED: "an administrator has ended this enrollment",
}


@dataclass(frozen=True)
class Evidence:
    """What came beside a message: its `Mdm-Signature`, and the client certificate that a trusted
    proxy says the TLS connection had; "" for what did not come.
    """

    signature: str = field(repr=False)
    forwarded: str = field(default="", repr=False)


def prove_sender(evidence: Evidence, *, content: bytes) -> Proof:
    """Return the certificate whose key the sender has; raises MessageRefused.

    A proved TLS connection is enough, and so is a signature over `content`; where both came, they
    must be of the same certificate.
    """
    forwarded = None
    if evidence.forwarded:
        forwarded = build_proof(decode_client_certificate(evidence.forwarded))
        if not evidence.signature:
            return forwarded
    signer = verify_signature(
        extract_signature(evidence.signature),
        content=content,
        allow_sha1=settings.MDM_SIGNATURE_ALLOW_SHA1,
    )
    if forwarded is not None and forwarded.certificate != signer.certificate:
        raise MessageRefused(
            "identity_not_trusted", "another certificate has signed than the TLS connection's"
        )
    return signer


def identify_sender(proof: Proof, *, now: datetime) -> IssuedCertificate:
    """Return the identity certificate: ours or a trusted external CA's; raises MessageRefused.

    How the sender was proved makes no difference. One that was revoked because its enrollment is
    over is returned all the same: check_not_over then says what has become of the enrollment.
    """
    try:
        return identify(proof.certificate, now=now, leeway=CLOCK_SKEW)
    except IdentityRevoked as error:
        ended = find_ended_identity(proof.fingerprint)
        if ended is not None:
            return ended
        raise MessageRefused(error.code, f"the identity certificate: {error}") from error
    except IdentityNotTrusted as error:
        raise MessageRefused(error.code, f"the identity certificate: {error}") from error


def get_sender(certificate: IssuedCertificate, *, udid: str, now: datetime) -> Enrollment:
    """Return the enrollment that the certificate speaks for, in any state; raises MessageRefused.

    A renewed identity is pinned by its first message.
    """
    enrollment = find_sender(certificate, udid=udid, now=now)
    if enrollment is not None:
        return enrollment
    # A message on another connection may have pinned it since the first look.
    enrollment = find_external_renewal(certificate, udid=udid) or find_pinned_enrollment(
        certificate.fingerprint or ""
    )
    if enrollment is None:
        raise MessageRefused("identity_not_trusted", "no enrollment belongs to the certificate")
    check_udid(enrollment, udid=udid)
    return _take_over(enrollment, certificate=certificate, now=now)


def find_sender(certificate: IssuedCertificate, *, udid: str, now: datetime) -> Enrollment | None:
    """Like get_sender, but None where nothing that we issued says for whom it speaks."""
    enrollment = find_pinned_enrollment(certificate.fingerprint or "")
    enrollment = enrollment or find_renewing_enrollment(certificate)
    if enrollment is None:
        return None
    check_udid(enrollment, udid=udid)
    return _take_over(enrollment, certificate=certificate, now=now)


def _take_over(
    enrollment: Enrollment, *, certificate: IssuedCertificate, now: datetime
) -> Enrollment:
    match certificate.fingerprint:
        case enrollment.certificate_sha256:
            return enrollment
        case enrollment.previous_certificate_sha256:
            check_replaced(enrollment, now=now)
            return enrollment
        case _:
            return repin(enrollment, certificate=certificate, now=now)


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
