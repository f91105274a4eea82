"""The enrollment profile of a session: built from objects, signed, never handed out unsigned."""

from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction

from devices.errors import PushCertificateMissing
from devices.selectors import get_push_certificate
from enrollment.errors import NotReady
from enrollment.models import EnrollmentSession, SessionState
from enrollment.protocol.access_rights import ALL_RIGHTS
from enrollment.protocol.profile import (
    MdmFacts,
    Payload,
    ProfileContext,
    ScepFacts,
    build_pkcs12_payload,
    build_scep_payload,
    build_trust_profile,
)
from enrollment.protocol.profile import build_profile as build_profile_plist
from enrollment.services.log import write_entry
from enrollment.services.sessions import advance_session, check_open
from enrollment.services.tokens import build_challenge, check_token
from organization.models import Organization
from organization.selectors import get_organization
from scep.models import ChallengeType, ScepProfile
from scep.selectors import get_ca_certificate_fingerprint, list_root_cas
from scep.services.authority import issue_identity
from scep.services.challenges import create_dynamic_challenge
from scep.services.profile_signing import sign_profile

ACCESS_RIGHTS = ALL_RIGHTS


def build_profile(session: EnrollmentSession, *, now: datetime) -> bytes:
    """Return the session's profile, CMS-signed (DER); the same UUIDs and a new challenge each time.

    Raises TokenRefused, SessionRefused, or NotReady without a valid push certificate.
    """
    check_token(session.token, now=now)
    check_open(session, now=now)
    topic = _get_topic(now=now)
    context = _build_context(
        session.token.organization, session_id=session.public_id, platform=session.platform
    )
    challenge = build_challenge(session)
    content = build_profile_plist(
        context,
        roots=[bytes(row.certificate) for row in list_root_cas()],
        identity=_build_identity(session, context=context, challenge=challenge, now=now),
        mdm=MdmFacts(
            topic=topic,
            server_url=f"{settings.BASE_URL}/mdm/connect",
            check_in_url=f"{settings.BASE_URL}/mdm/checkin?{urlencode({'challenge': challenge})}",
            access_rights=ACCESS_RIGHTS,
        ),
    )
    signed = sign_profile(content)
    # Apart from the above: the CA commits its intent to sign before it signs an identity.
    with transaction.atomic():
        advance_session(session.public_id, state=SessionState.PROFILE_DOWNLOADED)
        write_entry("profile_downloaded", session=session)
    return signed


def check_ready(*, now: datetime) -> None:
    """Raise NotReady while no profile could be built, so that nobody downloads in vain."""
    _get_topic(now=now)


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


def _get_topic(*, now: datetime) -> str:
    try:
        certificate = get_push_certificate()
    except PushCertificateMissing as error:
        raise NotReady(error.code, str(error)) from error
    if certificate.not_after is not None and certificate.not_after <= now:
        raise NotReady("push_certificate_expired", "the APNs push certificate has expired")
    return certificate.topic


def _build_identity(
    session: EnrollmentSession, *, context: ProfileContext, challenge: str, now: datetime
) -> Payload:
    profile = session.token.scep_profile
    if profile is None:
        pkcs12, password, _ = issue_identity(
            session_id=session.public_id,
            token_id=session.token.jti,
            common_name=session.public_id,
            now=now,
        )
        return build_pkcs12_payload(context, pkcs12=pkcs12, password=password)
    scep = ScepFacts(
        url=f"{settings.BASE_URL}/scep/{profile.public_id}",
        name=profile.name,
        challenge=_build_scep_challenge(profile, session=session, challenge=challenge, now=now),
        key_size=profile.key_size,
        ca_fingerprint=get_ca_certificate_fingerprint(profile),
    )
    return build_scep_payload(context, scep=scep)


def _build_scep_challenge(
    profile: ScepProfile, *, session: EnrollmentSession, challenge: str, now: datetime
) -> str:
    match profile.challenge_type:
        case ChallengeType.TOKEN:
            return challenge
        case ChallengeType.DYNAMIC:
            return create_dynamic_challenge(profile, session_id=session.public_id, now=now)
        case _ if profile.static_challenge:
            return bytes(profile.static_challenge).decode()
    raise NotReady("server_not_set_up", f"SCEP profile “{profile.name}” has no challenge")
