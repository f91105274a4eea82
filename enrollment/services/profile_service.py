"""Apple's Profile Service, phases 2 and 3: which device is it, and then the enrollment profile.

Both come to one URL, and who has issued the signer tells them apart: Apple's device CA in phase 2,
our CA, for this session and this use alone, in phase 3. Devices repeat either: each repetition has
the same effect and an answer of its own.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from django.db import transaction

from devices.errors import PlistInvalid
from devices.protocol.platform import OTHER, get_platform
from devices.protocol.plist import decode_plist
from enrollment.errors import EnrollmentRefused, ProfileServiceRefused, SessionRefused
from enrollment.models import EnrollmentSession, ReportedDevice, SessionState
from enrollment.protocol.device_attributes import (
    MALFORMED,
    DeviceAttributes,
    decode_attributes,
    is_same_device,
)
from enrollment.protocol.device_authority import (
    DeviceAuthority,
    is_named_by,
    verify_device_certificate,
)
from enrollment.protocol.funnel.steps import StepKind
from enrollment.protocol.profile_service import PART, build_certificate_profile
from enrollment.services.allow_list import check_serial_allowed
from enrollment.services.device_authority import get_device_authority
from enrollment.services.identity_payload import build_service_identity
from enrollment.services.log import write_entry
from enrollment.services.profile import assemble_profile, build_context
from enrollment.services.sessions import advance_session, check_open, fail_session, get_session
from enrollment.services.steps import record_step
from enrollment.services.token_texts import verify_token
from enrollment.services.tokens import check_not_stopped, check_token
from organization.protocol.caller import Caller
from scep.errors import IdentityNotTrusted, SignatureInvalid
from scep.models import CertificatePurpose, IssuedCertificate
from scep.protocol.certificates import encode_certificate, fingerprint
from scep.protocol.cms import verify_attached
from scep.selectors import verify_identity
from scep.services.profile_signing import sign_profile

MAX_MESSAGE = 64 * 1024
"""Bytes: a signature, a chain of certificates and a few lines of text are a tenth of it."""


@dataclass(frozen=True)
class Signer:
    """Who signed: a device with its identity from the factory, or with our `certificate`."""

    sha256: str
    certificate: IssuedCertificate | None


def answer_phase(session_id: str, *, message: bytes, now: datetime, caller: Caller) -> bytes:
    """Return the profile that the device gets for its signed message, CMS-signed (DER).

    `message`: CMS SignedData, DER or BER, around a property list. Raises EnrollmentRefused, and
    then the session has failed for the moment: what comes later may still succeed.
    """
    session = get_session(session_id)
    has_begun = ReportedDevice.objects.filter(session=session).exists()
    step = StepKind.PROFILE_SERVICE_3 if has_begun else StepKind.PROFILE_SERVICE_2
    try:
        _check_asked(session, now=now)
        signer, attributes = _open(message, now=now)
        if signer.certificate is None:
            step = StepKind.PROFILE_SERVICE_2
            profile = _identify(session, attributes, signer=signer, now=now)
        else:
            step = StepKind.PROFILE_SERVICE_3
            profile = _configure(session, attributes, certificate=signer.certificate, now=now)
    except EnrollmentRefused as error:
        error.token_id = error.token_id or session.token.jti
        if session.state != SessionState.ENROLLED:
            fail_session(session.public_id, code=error.code)
            record_step(session.public_id, step, now=now, caller=caller, code=error.code)
        raise
    record_step(session.public_id, step, now=now, caller=caller)
    return profile


def _check_asked(session: EnrollmentSession, *, now: datetime) -> None:
    check_token(session.token, now=now)
    check_not_stopped(session.token)
    check_open(session, now=now)
    if not session.token.profile_service:
        raise SessionRefused("session_unknown", "the session does without a Profile Service")


def _open(message: bytes, *, now: datetime) -> tuple[Signer, DeviceAttributes]:
    """Return who signed, proved, and what they say."""
    authority = get_device_authority()

    def trust(certificate: x509.Certificate) -> Signer:
        return _trust(certificate, authority=authority, now=now)

    try:
        content, signer = verify_attached(message, allow_sha1=True, trust=trust)
        return signer, decode_attributes(decode_plist(content, max_bytes=MAX_MESSAGE))
    except PlistInvalid as error:
        raise ProfileServiceRefused(MALFORMED, f"the signed property list: {error}") from error
    except IdentityNotTrusted as error:
        raise ProfileServiceRefused(error.code, f"the signer's certificate: {error}") from error
    except SignatureInvalid as error:
        raise ProfileServiceRefused(error.code, str(error)) from error


def _trust(certificate: x509.Certificate, *, authority: DeviceAuthority, now: datetime) -> Signer:
    digest = fingerprint(encode_certificate(certificate))
    is_ours = IssuedCertificate.objects.filter(fingerprint=digest).exists()
    if is_ours and not is_named_by(certificate, authority=authority):
        purpose = CertificatePurpose.PROFILE_SERVICE
        return Signer(digest, verify_identity(certificate, now=now, purpose=purpose))
    verify_device_certificate(certificate, authority=authority)
    return Signer(digest, None)


def _identify(
    session: EnrollmentSession, attributes: DeviceAttributes, *, signer: Signer, now: datetime
) -> bytes:
    """Phase 2: the session becomes this device's, which gets a way to a certificate."""
    _check_challenge(session, attributes, now=now)
    check_serial_allowed(session.token, serial_number=attributes.serial_number)
    with transaction.atomic():
        if _take(session, attributes, signer=signer):
            _write("device_identified", session, attributes)
    _go_on(session, attributes, now=now)
    identity = build_service_identity(session, context=build_context(session), part=PART, now=now)
    return sign_profile(build_certificate_profile(build_context(session), identity=identity))


def _configure(
    session: EnrollmentSession,
    attributes: DeviceAttributes,
    *,
    certificate: IssuedCertificate,
    now: datetime,
) -> bytes:
    """Phase 3: the device that phase 2 has named gets its enrollment profile."""
    if certificate.session_id != session.public_id:
        raise ProfileServiceRefused(
            "identity_not_trusted", "the certificate was issued for another session"
        )
    if attributes.challenge:
        _check_challenge(session, attributes, now=now)
    device = ReportedDevice.objects.filter(session=session).first()
    if device is None:
        raise ProfileServiceRefused("device_not_identified", "phase 3 came without phase 2")
    _check_same(device, attributes)
    _go_on(session, attributes, now=now)
    profile = assemble_profile(session, now=now)
    with transaction.atomic():
        rows = ReportedDevice.objects.filter(pk=device.pk, completed_at=None)
        if rows.update(completed_at=now, updated_at=now):
            _write("profile_service_completed", session, attributes)
    return profile


def _check_challenge(
    session: EnrollmentSession, attributes: DeviceAttributes, *, now: datetime
) -> None:
    """The profile's challenge comes back: so phase 1 was handed out, and for this session."""
    verified = verify_token(attributes.challenge, now=now)
    if verified.session_id != session.public_id or verified.token.pk != session.token_id:
        raise SessionRefused("session_unknown", "the challenge is another session's")


def _take(session: EnrollmentSession, attributes: DeviceAttributes, *, signer: Signer) -> bool:
    """Make the session this device's; returns whether that is news, raises for another device."""
    facts = {
        "serial_number": attributes.serial_number,
        "imei": attributes.imei,
        "meid": attributes.meid,
        "product": attributes.product,
        "build_version": attributes.version,
        "certificate_sha256": signer.sha256,
    }
    device, is_new = ReportedDevice.objects.get_or_create(
        session=session, defaults={"udid": attributes.udid, **facts}
    )
    if is_new:
        return True
    _check_same(device, attributes)
    if device.certificate_sha256 != signer.sha256:
        raise ProfileServiceRefused("device_mismatch", "another device has signed than before")
    return False


def _check_same(device: ReportedDevice, attributes: DeviceAttributes) -> None:
    if not is_same_device(attributes, udid=device.udid, serial_number=device.serial_number):
        raise ProfileServiceRefused(
            "device_mismatch", "the UDID or serial number differs from what was said in phase 2"
        )


def _go_on(session: EnrollmentSession, attributes: DeviceAttributes, *, now: datetime) -> None:
    """The session is alive, no failure before counts, and its platform is known for certain."""
    advance_session(session.public_id, state=SessionState.PROFILE_DOWNLOADED)
    platform = get_platform(attributes.product)
    if platform != OTHER:
        session.platform = platform
    EnrollmentSession.objects.filter(pk=session.pk).update(
        platform=session.platform, updated_at=now
    )


def _write(code: str, session: EnrollmentSession, attributes: DeviceAttributes) -> None:
    write_entry(
        code,
        session=session,
        detail={
            "serial_number": attributes.serial_number,
            "udid": attributes.udid,
            "product": attributes.product,
            "version": attributes.version,
        },
    )
