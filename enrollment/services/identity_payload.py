"""The payload that brings a device its identity: SCEP, ours or an external server's, or PKCS#12."""

from dataclasses import replace
from datetime import datetime

from django.conf import settings

from enrollment.errors import NotReady
from enrollment.models import EnrollmentSession
from enrollment.protocol.profile import (
    Payload,
    ProfileContext,
    ScepFacts,
    build_pkcs12_payload,
    build_scep_payload,
)
from enrollment.selectors import find_service_profile, is_held_at_page
from enrollment.services.subject_attributes import describe_session
from scep.errors import ScepError, ServerUnreachable
from scep.models import ChallengePurpose, ChallengeType, ScepProfile
from scep.protocol.payload_names import encode_alternative_names, encode_subject
from scep.protocol.subject_template import (
    Naming,
    SubjectAttributes,
    build_naming,
    keep_common_name,
)
from scep.selectors import get_ca_certificate_fingerprint, get_profile_authority
from scep.services.challenge_hooks import fetch_challenge
from scep.services.challenges import create_dynamic_challenge
from scep.services.issuance import check_authority, issue_identity

# The device names its session; what our CA writes into the certificate is the CA's decision.
BUILTIN_SUBJECT = ["O={organization}", "CN={session}"]
RETRIES, RETRY_DELAY = 3, 10
# Somebody has to look: as long as a session lives, at a pace that spares server and battery.
HELD_RETRIES, HELD_RETRY_DELAY = 55, 60


def build_identity(
    session: EnrollmentSession, *, context: ProfileContext, challenge: str, now: datetime
) -> Payload:
    """Return the identity payload of a new enrollment; `challenge` is the session's token.

    Raises NotReady, for one where an external server gives no challenge, or the CA may not certify
    the names of an identity without SCEP; AuthorityExpired.
    """
    scep_profile = session.token.scep_profile
    if scep_profile is None:
        return _build_package(session, context=context, now=now)
    if not scep_profile.is_external:
        check_authority(scep_profile, now=now)
    attributes = describe_session(session.public_id, token_id=session.token.jti)
    scep_challenge = _get_challenge(
        scep_profile, session=session, attributes=attributes, token_challenge=challenge, now=now
    )
    return build_scep_identity(
        scep_profile,
        context=context,
        challenge=scep_challenge,
        attributes=attributes,
        is_held=session.token.hold_for_approval and not is_held_at_page(session.token),
    )


def _build_package(
    session: EnrollmentSession, *, context: ProfileContext, now: datetime
) -> Payload:
    try:
        pkcs12, password, _ = issue_identity(
            session_id=session.public_id,
            token_id=session.token.jti,
            common_name=session.public_id,
            now=now,
        )
    except ScepError as error:
        raise NotReady(error.code, str(error), token_id=session.token.jti) from error
    return build_pkcs12_payload(context, pkcs12=pkcs12, password=password)


def build_scep_identity(
    scep_profile: ScepProfile,
    *,
    context: ProfileContext,
    challenge: str,
    attributes: SubjectAttributes,
    is_held: bool = False,
    common_name: str = "",
) -> Payload:
    """Return the SCEP payload for a challenge that the profile's server will accept.

    `is_held`: the request will wait for an administrator, whatever the SCEP profile says.
    `common_name`: of the identity that is renewed, to be asked of an external CA again.
    """
    naming = _build_naming(scep_profile, attributes=attributes)
    naming = keep_common_name(naming, common_name, session=attributes.session)
    held = is_held or scep_profile.hold_for_approval
    scep = replace(
        _describe_server(scep_profile, session_id=attributes.session),
        challenge=challenge,
        subject=encode_subject(naming.subject),
        alternative_names=encode_alternative_names(naming.alternative_names),
        retries=HELD_RETRIES if held else RETRIES,
        retry_delay=HELD_RETRY_DELAY if held else RETRY_DELAY,
    )
    return build_scep_payload(context, scep=scep)


def _describe_server(scep_profile: ScepProfile, *, session_id: str) -> ScepFacts:
    """Return what is alike for whoever asks there, without names and challenge."""
    return ScepFacts(
        url=scep_profile.external_url
        if scep_profile.is_external
        else f"{settings.BASE_URL}/scep/{scep_profile.public_id}/{session_id}",
        name=scep_profile.ca_name
        if scep_profile.is_external
        else get_profile_authority(scep_profile).public_id,
        challenge="",
        key_size=scep_profile.key_size,
        key_usage=scep_profile.key_usage,
        ca_fingerprint=get_ca_certificate_fingerprint(scep_profile),
        subject=[],
        retries=RETRIES,
        retry_delay=RETRY_DELAY,
    )


def build_service_identity(
    session: EnrollmentSession, *, context: ProfileContext, part: str, now: datetime
) -> Payload:
    """Return the SCEP payload of the Profile Service's own certificate, always by our own CA.

    It comes by the token's SCEP profile, or by the oldest of our own where that one is an external
    server's or none. Raises NotReady where there is none.
    """
    scep_profile = find_service_profile(session.token.scep_profile)
    if scep_profile is None:
        raise NotReady("server_not_set_up", "there is no SCEP profile of the built-in CA")
    check_authority(scep_profile, now=now)
    challenge = create_dynamic_challenge(
        scep_profile,
        session_id=session.public_id,
        now=now,
        purpose=ChallengePurpose.PROFILE_SERVICE,
    )
    subject = [*BUILTIN_SUBJECT, "OU=Profile Service"]
    attributes = SubjectAttributes(
        session=session.public_id, organization=session.token.organization.name
    )
    naming = build_naming(subject, [], attributes=attributes, fallback="")
    scep = replace(
        _describe_server(scep_profile, session_id=session.public_id),
        challenge=challenge,
        subject=encode_subject(naming.subject),
    )
    return build_scep_payload(context, scep=scep, part=part)


def get_lasting_challenge(scep_profile: ScepProfile, *, attributes: SubjectAttributes) -> str:
    """Return a challenge that needs no row of ours: an external server's, or the static one.

    Raises NotReady.
    """
    if scep_profile.is_external and scep_profile.challenge_type == ChallengeType.DYNAMIC:
        try:
            return fetch_challenge(
                scep_profile, session_id=attributes.session, attributes=attributes
            )
        except ServerUnreachable as error:
            message = f"SCEP profile “{scep_profile.name}”: {error}"
            raise NotReady(error.code, message) from error
    if scep_profile.challenge_type == ChallengeType.STATIC and scep_profile.static_challenge:
        return bytes(scep_profile.static_challenge).decode()
    raise NotReady("server_not_set_up", f"SCEP profile “{scep_profile.name}” has no challenge")


def _get_challenge(
    scep_profile: ScepProfile,
    *,
    session: EnrollmentSession,
    attributes: SubjectAttributes,
    token_challenge: str,
    now: datetime,
) -> str:
    if not scep_profile.is_external:
        if scep_profile.challenge_type == ChallengeType.TOKEN:
            return token_challenge
        if scep_profile.challenge_type == ChallengeType.DYNAMIC and session.is_return:
            return token_challenge  # it lives as long as the profile, a one-time one an hour
        if scep_profile.challenge_type == ChallengeType.DYNAMIC:
            return _create_challenge(session, now=now, purpose=ChallengePurpose.ENROLLMENT)
        if session.token.profile_service or session.token.hold_for_approval:
            # A static challenge proves no session: no certificate could name the device, and no
            # request would be known to be one that waits.
            return _create_challenge(session, now=now, purpose=ChallengePurpose.SESSION)
    return get_lasting_challenge(scep_profile, attributes=attributes)


def _create_challenge(
    session: EnrollmentSession, *, now: datetime, purpose: ChallengePurpose
) -> str:
    scep_profile = session.token.scep_profile
    assert scep_profile is not None  # noqa: S101 - asked before
    return create_dynamic_challenge(
        scep_profile,
        session_id=session.public_id,
        now=now,
        purpose=purpose,
        holds=session.token.hold_for_approval,
    )


def _build_naming(scep_profile: ScepProfile, *, attributes: SubjectAttributes) -> Naming:
    """Return what the device asks for: an external CA may take it over, ours does not."""
    if not scep_profile.is_external:
        return build_naming(BUILTIN_SUBJECT, [], attributes=attributes, fallback="")
    return build_naming(
        scep_profile.subject,
        scep_profile.subject_alternative_names,
        attributes=attributes,
        fallback=attributes.session,
    )
