"""The port MDM_RETURN_PROFILE: the enrollment profile that an erased device comes back with.

It is a new enrollment, by a token of its own for one use: a device that was erased has lost its
key, so nothing of the old one can be renewed.
"""

from datetime import datetime, timedelta

from devices.errors import ReturnNotPossible
from devices.models import Enrollment
from enrollment.errors import EnrollmentRefused, TokenInvalid
from enrollment.models import EnrollmentSession, EnrollmentToken
from enrollment.protocol.access_rights import FULL
from enrollment.services.profile import release_profile
from enrollment.services.sessions import get_session, link_device, open_session
from enrollment.services.tokens import MAX_NAME, create_token
from organization.errors import NotSetUp
from scep.errors import ScepError
from scep.models import IssuedCertificate, ScepProfile

# A device that is erased may have to wait for a network.
LIFETIME = timedelta(days=1)
ACTOR = "return to service"


def build_return_profile(enrollment: Enrollment, *, now: datetime) -> bytes:
    """Return a profile (CMS, DER) that enrolls this device, and no other, into its group again.

    `enrollment` comes with its device and group. Raises ReturnNotPossible with a reason that
    holds no secret.
    """
    device = enrollment.device
    if device.group is None:
        raise ReturnNotPossible("the device is in no group")
    try:
        token = create_token(
            name=f"Return of {device.serial_number or device.udid}"[:MAX_NAME],
            group=device.group,
            scep_profile=_find_scep_profile(enrollment),
            expires_at=now + LIFETIME,
            max_uses=1,
            rights=_find_rights(enrollment),
            actor=ACTOR,
        )
        session = _open_session(token, platform=device.platform, now=now)
        profile = release_profile(session, now=now)
    except (EnrollmentRefused, TokenInvalid, ScepError, NotSetUp) as error:
        raise ReturnNotPossible(str(error)) from error
    # Not before: what an external CA writes into the certificate must not depend on it.
    link_device(session.public_id, device_id=device.public_id)
    return profile


def _find_scep_profile(enrollment: Enrollment) -> ScepProfile | None:
    """Return the one that the identity came by, which may have moved since the token was made."""
    identities = IssuedCertificate.objects.select_related("scep_profile")
    identity = identities.filter(fingerprint=enrollment.certificate_sha256).first()
    return identity.scep_profile if identity else None


def _find_rights(enrollment: Enrollment) -> str:
    """Return the level that it was enrolled with; before there were levels, that was everything."""
    sessions = EnrollmentSession.objects.filter(public_id=enrollment.session_id)
    return sessions.values_list("token__rights", flat=True).first() or FULL


def _open_session(token: EnrollmentToken, *, platform: str, now: datetime) -> EnrollmentSession:
    session = open_session(
        token,
        platform=platform,
        user_agent="",
        remote_address=None,
        now=now,
        lifetime=LIFETIME,
        is_return=True,
    )
    return get_session(session.public_id)
