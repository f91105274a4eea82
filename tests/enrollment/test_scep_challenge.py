"""The ports that SCEP asks about challenges of type `token`, and about sessions."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from enrollment.models import EnrollmentSession, EnrollmentToken, LogEntry, SessionState
from enrollment.services.scep_challenge import (
    CERTIFICATES_PER_DEVICE,
    check_session,
    verify_token_challenge,
)
from enrollment.services.sessions import advance_session
from enrollment.services.token_texts import build_challenge, build_token_text
from enrollment.services.token_traffic import list_refusals
from enrollment.services.tokens import revoke_token
from organization.protocol.caller import NOBODY
from organization.selectors import get_organization
from organization.services.enrollment_stop import resume_enrollments, stop_enrollments
from scep.errors import ChallengeInvalid
from scep.models import ChallengePurpose, HeldRequest, IssuedCertificate, ScepProfile
from scep.selectors import get_certificate, get_profile_authority, list_recipients
from scep.services.challenges import create_dynamic_challenge
from scep.services.held_requests import approve_request
from scep.services.pki_operation import handle_pki_operation
from scep.services.refusals import report_refusal
from tests.enrollment.conftest import MakeSession, MakeToken
from tests.scep.device import Device as ScepDevice
from tests.scep.device import make_csr, make_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(make_token: MakeToken, make_session: MakeSession) -> EnrollmentSession:
    return make_session(make_token(challenge="token"))


def code_of(challenge: str, *, profile: ScepProfile | None, now: datetime | None = None) -> str:
    assert profile is not None
    with pytest.raises(ChallengeInvalid) as caught:
        verify_token_challenge(challenge, scep_profile=profile, now=now or timezone.now())
    return caught.value.code


def issue_row(number: int, *, session_id: str, token: EnrollmentToken, now: datetime) -> None:
    assert token.scep_profile is not None
    IssuedCertificate.objects.create(
        issuer=get_profile_authority(token.scep_profile),
        serial=f"{number}",
        fingerprint=f"{number:064x}",
        session_id=session_id,
        token_id=token.jti,
        not_before=now,
        not_after=now,
    )


def test_session_and_token_are_proved_when_the_challenge_is_the_sessions(
    session: EnrollmentSession, now: datetime
) -> None:
    profile = session.token.scep_profile
    assert profile is not None
    grant = verify_token_challenge(build_challenge(session), scep_profile=profile, now=now)
    assert (grant.session_id, grant.token_id) == (session.public_id, session.token.jti)


def test_only_the_token_is_proved_when_the_challenge_is_the_bare_token(
    session: EnrollmentSession, now: datetime
) -> None:
    profile = session.token.scep_profile
    assert profile is not None
    grant = verify_token_challenge(build_token_text(session.token), scep_profile=profile, now=now)
    assert (grant.session_id, grant.token_id) == ("", session.token.jti)


def test_challenge_is_refused_when_the_token_names_another_scep_profile(
    session: EnrollmentSession, scep_profile: ScepProfile
) -> None:
    with pytest.raises(ChallengeInvalid) as caught:
        verify_token_challenge(
            build_challenge(session), scep_profile=scep_profile, now=timezone.now()
        )
    refused = caught.value
    assert (refused.code, refused.token_id) == ("scep_challenge_invalid", session.token.jti)


def test_challenge_is_refused_when_its_session_belongs_to_another_token(
    session: EnrollmentSession, make_token: MakeToken
) -> None:
    """No server of ours signs one; a key that has leaked may."""
    profile = session.token.scep_profile
    session.token = make_token(challenge="token")
    assert code_of(build_challenge(session), profile=profile) == "session_unknown"


def test_challenge_is_dead_when_the_session_has_enrolled_a_device(
    session: EnrollmentSession,
) -> None:
    profile, challenge = session.token.scep_profile, build_challenge(session)
    assert profile is not None
    advance_session(session.public_id, state=SessionState.AUTHENTICATED)
    verified = verify_token_challenge(challenge, scep_profile=profile, now=timezone.now())
    assert verified.session_id == session.public_id
    advance_session(session.public_id, state=SessionState.ENROLLED)
    assert code_of(challenge, profile=profile) == "session_used"


def test_challenge_is_dead_when_the_session_is_over(session: EnrollmentSession) -> None:
    EnrollmentSession.objects.filter(pk=session.pk).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )
    profile = session.token.scep_profile
    assert code_of(build_challenge(session), profile=profile) == "session_expired"


@pytest.mark.parametrize("state", ["expired", "exhausted", "revoked"])
def test_challenge_is_dead_when_its_token_is(session: EnrollmentSession, state: str) -> None:
    challenge, profile, now = build_challenge(session), session.token.scep_profile, timezone.now()
    if state == "expired":
        now += timedelta(hours=2)
    if state == "exhausted":
        token = EnrollmentToken.objects.filter(pk=session.token.pk)
        token.update(max_uses=1, use_count=1)
        challenge = build_challenge(EnrollmentSession.objects.get(pk=session.pk))
    if state == "revoked":
        revoke_token(session.token, actor="tests")
    assert code_of(challenge, profile=profile, now=now) == f"token_{state}"


@pytest.mark.parametrize("text", ["", "password", "a.b.c"])
def test_challenge_is_refused_when_it_is_no_token(session: EnrollmentSession, text: str) -> None:
    assert code_of(text, profile=session.token.scep_profile) == "token_malformed"


@pytest.mark.parametrize("is_bound", [True, False])
def test_challenge_is_refused_when_it_has_brought_its_certificates(
    session: EnrollmentSession, now: datetime, is_bound: bool
) -> None:
    token, profile = session.token, session.token.scep_profile
    assert profile is not None
    EnrollmentToken.objects.filter(pk=token.pk).update(max_uses=1)
    token.refresh_from_db()
    challenge = build_challenge(session) if is_bound else build_token_text(token)
    for number in range(CERTIFICATES_PER_DEVICE):
        verify_token_challenge(challenge, scep_profile=profile, now=now)
        issue_row(number, session_id=session.public_id if is_bound else "", token=token, now=now)
    assert code_of(challenge, profile=profile, now=now) == "scep_challenge_reused"


@pytest.mark.parametrize("is_bound", [True, False])
def test_challenge_brings_its_certificates_when_others_have_had_all_of_theirs(
    session: EnrollmentSession,
    make_token: MakeToken,
    make_session: MakeSession,
    now: datetime,
    is_bound: bool,
) -> None:
    token, profile = session.token, session.token.scep_profile
    assert profile is not None
    EnrollmentToken.objects.filter(pk=token.pk).update(max_uses=1)
    token.refresh_from_db()
    if is_bound:
        challenge, other = build_challenge(session), token
        session_id = make_session(token).public_id
    else:
        challenge, other, session_id = build_token_text(token), make_token(challenge="token"), ""
    for number in range(CERTIFICATES_PER_DEVICE):
        issue_row(number, session_id=session_id, token=other, now=now)
    grant = verify_token_challenge(challenge, scep_profile=profile, now=now)
    assert grant.max_certificates == CERTIFICATES_PER_DEVICE


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("revoked", "token_revoked"),
        ("over", "session_expired"),
        ("unnamed", "device_not_identified"),
    ],
)
@pytest.mark.parametrize(
    ("challenge", "is_claimed"),
    # With a static challenge, sessions that are proved have a one-time challenge as well.
    [("dynamic", False), ("static", False), ("static", True)],
    ids=["dynamic", "proved beside a static one", "claimed with the static one"],
)
def test_challenge_brings_nothing_once_its_session_or_token_is_over(
    make_token: MakeToken,
    make_session: MakeSession,
    end: str,
    code: str,
    challenge: str,
    is_claimed: bool,
) -> None:
    session = make_session(make_token(challenge=challenge, profile_service=end == "unnamed"))
    profile, now = session.token.scep_profile, timezone.now()
    assert profile is not None
    secret = (
        bytes(profile.static_challenge or b"").decode()
        if is_claimed
        else create_dynamic_challenge(
            profile, session_id=session.public_id, now=now, purpose=ChallengePurpose.SESSION
        )
    )
    if end == "revoked":
        revoke_token(session.token, actor="tests")
    if end == "over":
        EnrollmentSession.objects.filter(pk=session.pk).update(expires_at=now)
    message = ScepDevice(name=session.public_id).build_request(
        ra=list_recipients(profile)[0].certificate, challenge=secret
    )
    handle_pki_operation(message, scep_profile=profile, now=now)
    assert not IssuedCertificate.objects.exists()
    assert LogEntry.objects.order_by("id").last().code == code  # type: ignore[union-attr]
    with pytest.raises(ChallengeInvalid) as caught:
        check_session(session.public_id, now=now, is_identity=True)
    assert caught.value.code == code


def test_approved_request_brings_nothing_while_enrolling_is_stopped(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    session = make_session(make_token(challenge="token", hold_for_approval=True))
    profile, now = session.token.scep_profile, timezone.now()
    assert profile is not None
    message = ScepDevice().build_request(
        ra=list_recipients(profile)[0].certificate, challenge=build_challenge(session)
    )
    handle_pki_operation(message, scep_profile=profile, now=now)
    approve_request(HeldRequest.objects.get(), actor="tests", now=now)
    stop_enrollments(get_organization(), actor="tests")
    handle_pki_operation(message, scep_profile=profile, now=now)
    assert not IssuedCertificate.objects.exists()
    resume_enrollments(get_organization(), actor="tests")
    handle_pki_operation(message, scep_profile=profile, now=now)
    assert IssuedCertificate.objects.exists()


@pytest.mark.parametrize("challenge", ["token", "static"])
def test_approved_request_brings_nothing_once_its_session_is_over(
    make_token: MakeToken, make_session: MakeSession, challenge: str
) -> None:
    session = make_session(make_token(challenge=challenge))
    profile, now = session.token.scep_profile, timezone.now()
    assert profile is not None
    ScepProfile.objects.filter(pk=profile.pk).update(hold_for_approval=True)
    profile.refresh_from_db()
    is_static = challenge == "static"
    secret = (
        bytes(profile.static_challenge or b"").decode() if is_static else build_challenge(session)
    )
    message = ScepDevice(name=session.public_id).build_request(
        ra=list_recipients(profile)[0].certificate, challenge=secret
    )
    handle_pki_operation(message, scep_profile=profile, now=now)
    approve_request(HeldRequest.objects.get(), actor="tests", now=now)
    EnrollmentSession.objects.filter(pk=session.pk).update(expires_at=now)
    handle_pki_operation(message, scep_profile=profile, now=now)
    assert not IssuedCertificate.objects.exists()


def test_log_names_token_address_and_profile_when_a_client_without_a_session_asks(
    client: Client, session: EnrollmentSession
) -> None:
    """certmonger and others know the bare token, and no session."""
    token, profile = session.token, session.token.scep_profile
    assert profile is not None
    challenge = build_token_text(token)
    ra = list_recipients(profile)[0].certificate
    for _ in range(2):
        client.post(
            f"/scep/{profile.public_id}?operation=PKIOperation",
            ScepDevice().build_request(ra=ra, challenge=challenge),
            content_type="application/x-pki-message",
            REMOTE_ADDR="203.0.113.9",
        )
        revoke_token(token, actor="tests")
    issued, refused = LogEntry.objects.filter(
        code__in=["certificate_issued", "token_revoked"], remote_address="203.0.113.9"
    ).order_by("id")
    assert (issued.code, issued.token) == ("certificate_issued", token)
    assert (refused.level, refused.token) == ("error", token)
    assert refused.detail["scep_profile"] == profile.public_id
    assert list(list_refusals(token)) == [refused]


def test_token_renews_its_own_certificates_when_the_old_one_signs(
    client: Client, make_token: MakeToken, make_session: MakeSession
) -> None:
    """As certmonger renews: a PKCSReq with the bare token, signed with what it has brought."""
    session = make_session(make_token(challenge="token"))
    token, profile = session.token, session.token.scep_profile
    assert profile is not None
    ScepProfile.objects.filter(pk=profile.pk).update(renewal_days=400)
    ra, device = list_recipients(profile)[0].certificate, ScepDevice()

    def post(message: bytes) -> None:
        path = f"/scep/{profile.public_id}?operation=PKIOperation"
        reply = client.post(path, message, content_type="application/x-pki-message")
        assert reply.status_code == 200

    post(device.build_request(ra=ra, challenge=build_token_text(token)))
    row = IssuedCertificate.objects.get()
    for challenge, count in ((build_challenge(session), 0), (build_token_text(token), 1)):
        asking = ScepDevice(key=make_key(1))
        post(
            asking.build_renewal(
                ra=ra,
                old=get_certificate(row),
                old_key=device.key,
                csr=make_csr(asking.key, challenge=challenge, names=["host"]),
                message_type="19",
            )
        )
        assert IssuedCertificate.objects.filter(renews=row, token_id=token.jti).count() == count
        assert IssuedCertificate.objects.count() == 1 + count


@pytest.mark.parametrize(
    "code",
    [
        "session_expired", "session_used", "session_unknown", "sign_in_required", "token_revoked",
        "token_exhausted", "group_missing", "device_not_identified", "enrollment_stopped",
    ],
)  # fmt: skip
def test_log_and_session_tell_why_the_certificate_was_refused(
    make_token: MakeToken, make_session: MakeSession, code: str
) -> None:
    session = make_session(make_token(challenge="token"))
    report_refusal(
        ChallengeInvalid("it is so", code=code),
        scep_profile=session.token.scep_profile,  # type: ignore[arg-type]
        caller=NOBODY,
        session_id=session.public_id,
    )
    assert LogEntry.objects.latest("id").code == code
    session.refresh_from_db()
    assert session.failure_code == code
