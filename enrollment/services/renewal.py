"""The port MDM_RENEWAL_PROFILE: the enrollment profile again, with a way to a new identity.

Apple takes it as an update only where identifiers, topic and URLs are those of the profile that
enrolled the device, so all of these come from the enrollment and its session. That the token
has expired, is used up or revoked ends no enrollment that it began.
"""

from datetime import datetime

from devices.errors import RenewalNotPossible
from devices.models import Enrollment
from enrollment.errors import EnrollmentRefused
from enrollment.models import EnrollmentSession
from enrollment.protocol.access_rights import get_access_rights
from enrollment.protocol.profile import (
    Payload,
    build_pkcs12_payload,
)
from enrollment.services.identity_payload import build_scep_identity, get_lasting_challenge
from enrollment.services.profile import build_context, sign_enrollment_profile
from enrollment.services.sessions import get_session
from enrollment.services.subject_attributes import describe_as_enrolled, describe_session
from organization.errors import NotSetUp
from scep.errors import ScepError
from scep.models import ChallengePurpose, IssuedCertificate, ScepProfile
from scep.services.challenges import create_dynamic_challenge
from scep.services.external_identities import get_common_name
from scep.services.issuance import issue_identity


def build_renewal_profile(enrollment: Enrollment, *, now: datetime) -> bytes:
    """Return the enrollment's profile, CMS-signed (DER), with a challenge or key of its own.

    Raises RenewalNotPossible with a reason that holds no secret.
    """
    try:
        session = get_session(enrollment.session_id)
        identity = IssuedCertificate.objects.select_related("scep_profile__issuing_ca").get(
            fingerprint=enrollment.certificate_sha256
        )
        # Its claims are in the profile's URL, which must stay what it was.
        session.token.scep_profile = identity.scep_profile
        return sign_enrollment_profile(
            session,
            identity=_build_identity(session, renews=identity, now=now),
            topic=enrollment.topic,
            access_rights=_get_access_rights(enrollment, session=session),
        )
    except (EnrollmentRefused, ScepError, NotSetUp) as error:
        raise RenewalNotPossible(str(error)) from error


def _get_access_rights(enrollment: Enrollment, *, session: EnrollmentSession) -> int:
    """Return what it was enrolled with: a device refuses an update that asks for more."""
    if enrollment.access_rights is not None:
        return enrollment.access_rights
    return get_access_rights(session.token.rights)


def _build_identity(
    session: EnrollmentSession, *, renews: IssuedCertificate, now: datetime
) -> Payload:
    """By SCEP if it came by SCEP, whatever the token says today; else a new key and certificate."""
    if renews.scep_profile is not None:
        return _build_scep(renews.scep_profile, session=session, renews=renews, now=now)
    pkcs12, password, _ = issue_identity(
        session_id=session.public_id,
        token_id=session.token.jti,
        common_name=session.public_id,
        now=now,
        renews=renews,
    )
    return build_pkcs12_payload(build_context(session), pkcs12=pkcs12, password=password)


def _build_scep(
    profile: ScepProfile,
    *,
    session: EnrollmentSession,
    renews: IssuedCertificate,
    now: datetime,
) -> Payload:
    attributes = describe_session(session.public_id, token_id=session.token.jti)
    common_name = ""
    if profile.is_external:
        # The same name as before: it is what tells that the new certificate is this device's. The
        # template may give another today, after a move to another group or of the template itself.
        attributes, common_name = describe_as_enrolled(session), get_common_name(renews)
        challenge = get_lasting_challenge(profile, attributes=attributes)
    else:
        challenge = create_dynamic_challenge(
            profile,
            session_id=session.public_id,
            now=now,
            purpose=ChallengePurpose.RENEWAL,
            renews=renews,
        )
    return build_scep_identity(
        profile,
        context=build_context(session),
        challenge=challenge,
        attributes=attributes,
        common_name=common_name,
    )
