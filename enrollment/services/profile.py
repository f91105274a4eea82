"""The enrollment profile of a session: built from objects, signed, never handed out unsigned."""

from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction

from devices.errors import PushCertificateMissing
from devices.models import PushCertificate
from devices.selectors import get_push_certificate
from enrollment.errors import EnrollmentRefused, NotReady, SessionRefused
from enrollment.models import EnrollmentSession, SessionState, SessionStep
from enrollment.protocol.access_rights import get_access_rights
from enrollment.protocol.funnel.steps import StepKind
from enrollment.protocol.profile import (
    MdmFacts,
    Payload,
    ProfileContext,
    build_profile,
    build_trust_profile,
)
from enrollment.protocol.profile_service import build_service_profile
from enrollment.services.approvals import PENDING, check_approved
from enrollment.services.consent import build_consent
from enrollment.services.identity_payload import build_identity
from enrollment.services.log import write_entry
from enrollment.services.sessions import (
    advance_session,
    check_open,
    fail_session,
    is_open,
    note_base_url,
)
from enrollment.services.steps import record_step
from enrollment.services.token_texts import build_challenge
from enrollment.services.tokens import check_not_stopped, check_token
from organization.models import Given, Organization, PreparedSelect
from organization.protocol.caller import NOBODY, Caller
from organization.selectors import get_organization
from scep.selectors import list_root_cas
from scep.services.profile_signing import sign_profile

MOST_DOWNLOADS = 20
"""Of one session: people tap again, and browsers ask twice."""
DOWNLOADED_OFTEN = PreparedSelect(
    lambda: SessionStep.objects.filter(
        session=Given("session"), kind=StepKind.PROFILE_DOWNLOADED, count__gte=MOST_DOWNLOADS
    ).order_by()
)


def hand_out_profile(session: EnrollmentSession, *, now: datetime, caller: Caller) -> bytes:
    """Like release_profile; a refusal is noted as the session's, unless that is over."""
    try:
        return release_profile(session, now=now, caller=caller)
    except EnrollmentRefused as refusal:
        # Else it has told its story already, or only comes too early.
        if is_open(session, now=now) and refusal.code != PENDING:
            code = refusal.code
            fail_session(session.public_id, code=code)
            record_step(
                session.public_id, StepKind.PROFILE_DOWNLOADED, now=now, caller=caller, code=code
            )
        raise


def release_profile(session: EnrollmentSession, *, now: datetime, caller: Caller = NOBODY) -> bytes:
    """Return what the person downloads, CMS-signed (DER), and note that it went out.

    It is the session's enrollment profile; with the Profile Service it is the service's first one,
    and the device fetches the other itself. Raises TokenRefused, SessionRefused, or NotReady
    without a valid push certificate.
    """
    _check_downloads(session)
    if session.token.profile_service:
        signed = _build_service_profile(session, now=now)
    else:
        signed = assemble_profile(session, now=now)
    # Apart from the above: the CA commits its intent to sign before it signs an identity.
    with transaction.atomic():
        advance_session(session.public_id, state=SessionState.PROFILE_DOWNLOADED)
        record_step(session.public_id, StepKind.PROFILE_DOWNLOADED, now=now, caller=caller)
        write_entry("profile_downloaded", session=session)
    return signed


def _check_downloads(session: EnrollmentSession) -> None:
    """Each download makes a challenge or an identity; who needs more opens another session."""
    if DOWNLOADED_OFTEN.first(session=session.pk):
        raise SessionRefused(
            "session_expired", "its profile was downloaded too often", token_id=session.token.jti
        )


def assemble_profile(session: EnrollmentSession, *, now: datetime) -> bytes:
    """Return the session's enrollment profile, CMS-signed (DER).

    The same UUIDs and a new challenge each time. Raises like release_profile.
    """
    _check_may_enroll(session, now=now)
    topic = _get_push_certificate(now=now).topic
    note_base_url(session)
    identity = build_identity(
        session, context=build_context(session), challenge=build_challenge(session), now=now
    )
    rights = get_access_rights(session.token.rights)
    return sign_enrollment_profile(session, identity=identity, topic=topic, access_rights=rights)


def _build_service_profile(session: EnrollmentSession, *, now: datetime) -> bytes:
    _check_may_enroll(session, now=now)
    check_ready(now=now)  # else the device would be refused its other profile
    content = build_service_profile(
        build_context(session),
        url=f"{settings.BASE_URL}/enroll/profile-service/{session.public_id}",
        challenge=build_challenge(session),
    )
    return sign_profile(content)


def _check_may_enroll(session: EnrollmentSession, *, now: datetime) -> None:
    check_token(session.token, now=now)
    check_not_stopped(session.token)
    check_open(session, now=now)
    check_approved(session)


def sign_enrollment_profile(
    session: EnrollmentSession, *, identity: Payload, topic: str, access_rights: int
) -> bytes:
    """Return the session's profile around an identity payload, CMS-signed (DER).

    Everything but the identity's contents is the same each time: a device takes another topic
    or URL for another server's profile.
    """
    base_url = session.base_url or settings.BASE_URL
    challenge = urlencode({"challenge": build_challenge(session)})
    content = build_profile(
        build_context(session),
        roots=[bytes(row.certificate) for row in list_root_cas()],
        identity=identity,
        mdm=MdmFacts(
            topic=topic,
            server_url=f"{base_url}/mdm/connect",
            check_in_url=f"{base_url}/mdm/checkin?{challenge}",
            access_rights=access_rights,
        ),
        consent=build_consent(session.token.organization.name, access_rights),
    )
    return sign_profile(content)


def build_context(session: EnrollmentSession) -> ProfileContext:
    """Return whose profile it is."""
    return _build_context(
        session.token.organization, session_id=session.public_id, platform=session.platform
    )


def check_ready(*, now: datetime) -> None:
    """Raise NotReady while no profile could be built, so that nobody downloads in vain."""
    _get_push_certificate(now=now)


def build_root_profile() -> bytes:
    """Return the profile that installs only the root CAs, CMS-signed (DER)."""
    roots = list_root_cas()
    context = _build_context(get_organization(), session_id=roots[0].fingerprint, platform="")
    return sign_profile(
        build_trust_profile(context, roots=[bytes(row.certificate) for row in roots])
    )


def _build_context(organization: Organization, *, session_id: str, platform: str) -> ProfileContext:
    return ProfileContext(
        session_id=session_id,
        organization_id=organization.public_id,
        organization_name=organization.name,
        platform=platform,
    )


def _get_push_certificate(*, now: datetime) -> PushCertificate:
    """Raises NotReady where no device that enrolls could be pushed to."""
    try:
        certificate = get_push_certificate()
    except PushCertificateMissing as error:
        raise NotReady(error.code, str(error)) from error
    if certificate.not_after is not None and certificate.not_after <= now:
        raise NotReady("push_certificate_expired", "the APNs push certificate has expired")
    return certificate
