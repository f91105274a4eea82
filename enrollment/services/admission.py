"""The port MDM_ADMISSION: may this device enroll, and into which group?"""

from django.db.models import F, Q

from devices.errors import AdmissionRefused
from devices.models import Device, Enrollment, EnrollmentState
from devices.protocol.admission import Admission, AdmissionRequest
from enrollment.errors import EnrollmentRefused, SessionRefused
from enrollment.models import EnrollmentSession, EnrollmentToken, SessionState, TokenUse
from enrollment.protocol.access_rights import get_access_rights
from enrollment.protocol.device_attributes import DeviceAttributes, is_same_device
from enrollment.services.allow_list import check_serial_allowed
from enrollment.services.approvals import check_certificate_approved
from enrollment.services.sessions import advance_session, check_open, get_session
from enrollment.services.subject_attributes import check_identified, find_reported_device
from enrollment.services.token_texts import verify_token
from enrollment.services.tokens import check_not_stopped
from scep.models import ChallengeType
from scep.services.challenges import find_session_id
from scep.services.external_identities import is_trusted_by, note_enrollment


def admit(request: AdmissionRequest) -> Admission:
    """Count a use of the token and take the session for this device; raises AdmissionRefused.

    Runs inside the transaction that creates the device: a refusal takes everything back.
    A session admits one device; the same Authenticate again finds its enrollment before this.
    """
    try:
        session = _verify_challenge(request)
        check_not_stopped(session.token)
        check_open(session, now=request.now)
        _check_device(session, udid=request.udid)
        check_certificate_approved(session, certificate_sha256=request.certificate_sha256)
        check_serial_allowed(session.token, serial_number=request.serial_number)
        _check_reported(session, request=request)
        _take_session(session, udid=request.udid)
        _count_use(session.token, udid=request.udid)
    except EnrollmentRefused as error:
        raise AdmissionRefused(error.code, error.message) from error
    return Admission(
        group_pk=_get_group_key(session.token),
        session_id=session.public_id,
        token_id=session.token.jti,
        access_rights=get_access_rights(session.token.rights),
        owner=session.person.owner,
        owner_name=session.person.name,
    )


def _get_group_key(token: EnrollmentToken) -> int:
    """Raise AdmissionRefused where it was deleted; no token that admits a device sees that day."""
    if token.group_id is None:
        raise AdmissionRefused("group_missing", "the token's group is gone")
    return token.group_id


def _verify_challenge(request: AdmissionRequest) -> EnrollmentSession:
    verified = verify_token(request.challenge, now=request.now, allow_exhausted=True)
    if not verified.session_id:
        raise SessionRefused("session_unknown", "the challenge is bound to no session")
    session = get_session(verified.session_id)
    if session.token_id != verified.token.pk:
        raise SessionRefused("session_unknown", "the session belongs to another token")
    _check_certificate(request, session=session)
    return session


def _check_certificate(request: AdmissionRequest, *, session: EnrollmentSession) -> None:
    """Refuse a certificate that was issued for another session, token or SCEP profile."""
    token, profile = session.token, session.token.scep_profile
    if request.certificate_authority_id:
        _check_foreign(request, session=session)
        return
    matches = request.certificate_scep_profile_id == (profile.public_id if profile else "")
    if request.certificate_session_id:
        matches &= request.certificate_session_id == session.public_id
    if request.certificate_token_id:
        matches &= request.certificate_token_id == token.jti
    if not (request.certificate_session_id or request.certificate_token_id):
        # A static challenge proves no more than the SCEP profile.
        matches &= profile is not None and profile.challenge_type == ChallengeType.STATIC
    if not matches:
        raise SessionRefused(
            "identity_not_trusted", "the certificate was issued for another enrollment"
        )


def _check_foreign(request: AdmissionRequest, *, session: EnrollmentSession) -> None:
    """Refuse an external CA's certificate unless this token's SCEP profile trusts that CA.

    Such a CA keeps no record of sessions for us; but a certificate that bears the id of another
    session is another device's, and one that has been in another session stays there.
    """
    profile, own = session.token.scep_profile, ("", session.public_id)
    claimed = find_session_id(request.certificate_common_name)
    trusted = profile is not None and is_trusted_by(
        profile, issuer_id=request.certificate_authority_id
    )
    if profile is None or not trusted:
        raise SessionRefused(
            "identity_not_trusted", "the token's SCEP profile does not trust the certificate's CA"
        )
    if claimed not in own or request.certificate_session_id not in own:
        raise SessionRefused(
            "identity_not_trusted", "the certificate was issued for another enrollment"
        )
    note_enrollment(
        certificate_sha256=request.certificate_sha256,
        scep_profile=profile,
        session_id=session.public_id,
        token_id=session.token.jti,
    )


def _check_device(session: EnrollmentSession, *, udid: str) -> None:
    """A session that was made for a device, to come back with, is no other's."""
    if not session.device_id:
        return
    own = Device.objects.filter(public_id=session.device_id).only("udid").first()
    if own is None:
        raise SessionRefused("session_used", "the record of the session's device was deleted")
    if own.udid != udid:
        raise SessionRefused("session_used", "the session is another device's")


def _check_reported(session: EnrollmentSession, *, request: AdmissionRequest) -> None:
    """The device that the Profile Service was told of is the one that comes, and no other."""
    check_identified(session)
    reported = find_reported_device(session)
    claimed = DeviceAttributes(udid=request.udid, serial_number=request.serial_number)
    if reported is not None and not is_same_device(
        claimed, udid=reported.udid, serial_number=reported.serial_number
    ):
        raise SessionRefused(
            "device_mismatch",
            "the Profile Service was told another UDID or serial number",
            token_id=session.token.jti,
        )


def _take_session(session: EnrollmentSession, *, udid: str) -> None:
    """One device has a session; it may begin again until its enrollment is complete."""
    if advance_session(session.public_id, state=SessionState.AUTHENTICATED):
        return
    begun = Enrollment.objects.filter(
        session_id=session.public_id, device__udid=udid, state=EnrollmentState.AUTHENTICATED
    )
    if not begun.exists():
        raise SessionRefused("session_used", "another device has taken the session")


def _count_use(token: EnrollmentToken, *, udid: str) -> None:
    """One conditional UPDATE decides a race for the last uses, of the token and of its parent."""
    if token.parent is not None:
        _count_use(token.parent, udid=udid)
    _, is_new = TokenUse.objects.get_or_create(token=token, udid=udid)
    if not is_new:
        return
    counted = EnrollmentToken.objects.filter(
        Q(max_uses=0) | Q(use_count__lt=F("max_uses")), pk=token.pk, revoked_at=None
    ).update(use_count=F("use_count") + 1)
    if not counted:
        token.refresh_from_db(fields=["revoked_at"])
        if token.revoked_at is not None:
            raise EnrollmentRefused("token_revoked", f"token “{token.name}”: revoked meanwhile")
        raise EnrollmentRefused("token_exhausted", f"token “{token.name}”: used up")
