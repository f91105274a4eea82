"""New enrollments are stopped: every door says so, and who is enrolled notices nothing."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from devices.errors import AdmissionRefused
from devices.models import Device, Enrollment
from enrollment.errors import NotReady
from enrollment.models import EnrollmentSession, LogEntry
from enrollment.services.admission import admit
from enrollment.services.profile import release_profile
from enrollment.services.renewal import build_renewal_profile
from enrollment.services.scep_challenge import verify_token_challenge
from enrollment.services.short_links import build_short_url
from enrollment.services.token_texts import build_challenge, build_token_text
from guardmdm.console.dashboard import find_stop_notices
from organization.models import AuditEntry, Organization
from organization.selectors import get_organization
from organization.services.enrollment_stop import resume_enrollments, stop_enrollments
from scep.errors import ChallengeInvalid
from scep.models import IssuedCertificate, ScepProfile
from tests.enrollment.conftest import IPHONE, MakeSession, MakeToken
from tests.enrollment.test_admission import build_request

pytestmark = pytest.mark.django_db


@pytest.fixture
def stopped(bootstrapped: None) -> Organization:
    return stop_enrollments(get_organization(), actor="ann@example.com")


def test_every_door_says_so_when_enrollments_are_stopped(
    client: Client, make_token: MakeToken, make_session: MakeSession, stopped: Organization
) -> None:
    token, session = make_token(), make_session()
    text, opened = {"token": build_token_text(token)}, EnrollmentSession.objects.count()
    headers: dict[str, Any] = {"User-Agent": IPHONE}
    answers = [
        client.get("/enroll", text, headers=headers),
        client.get("/enroll/profile", text, headers=headers),
        client.get(f"/enroll/sessions/{session.public_id}/profile", headers=headers),
        client.post("/enroll/sessions", text, headers=headers),
        client.get(urlsplit(build_short_url(token)).path, headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [503] * 5
    for answer in answers:
        page = answer.content.decode()
        assert "Enrollment is paused" in page
        assert "enrollment_stopped" in page
        assert "Ask your IT team, and try again later." in page
    assert EnrollmentSession.objects.count() == opened
    assert LogEntry.objects.filter(code="enrollment_stopped", token=token).count() == 4


def test_dead_link_says_that_it_is_dead_when_enrollments_are_stopped(
    client: Client, make_token: MakeToken, stopped: Organization
) -> None:
    answer = client.get("/enroll", {"token": build_token_text(make_token(expires=-1))})
    assert answer.status_code == 410


def test_profile_that_is_out_enrolls_nothing_when_enrollments_are_stopped(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    session = make_session(make_token(challenge="token", max_uses=1))
    profile = session.token.scep_profile
    assert profile is not None
    stop_enrollments(get_organization(), actor="a")
    with pytest.raises(ChallengeInvalid) as challenge:
        verify_token_challenge(build_challenge(session), scep_profile=profile, now=timezone.now())
    with pytest.raises(AdmissionRefused) as admission:
        admit(build_request(session))
    assert (challenge.value.code, admission.value.code) == ("enrollment_stopped",) * 2
    session.token.refresh_from_db()
    assert session.token.use_count == 0
    resume_enrollments(get_organization(), actor="a")
    assert admit(build_request(session)).session_id == session.public_id


def test_identity_is_renewed_when_enrollments_are_stopped(
    make_token: MakeToken, make_session: MakeSession, scep_profile: ScepProfile
) -> None:
    session = make_session(make_token(challenge="none"))
    release_profile(session, now=timezone.now())
    identity = IssuedCertificate.objects.get(session_id=session.public_id)
    enrollment = Enrollment.objects.create(
        device=Device.objects.create(udid="U", platform="ios"),
        state="live",
        session_id=session.public_id,
        certificate_sha256=identity.fingerprint or "",
        certificate_not_after=identity.not_after,
        topic="com.apple.mgmt.External.x",
    )
    stop_enrollments(get_organization(), actor="a")
    assert build_renewal_profile(enrollment, now=timezone.now())
    with pytest.raises(NotReady):
        release_profile(make_session(), now=timezone.now())


def test_switch_is_audited_once_and_shown_until_it_is_turned_back(stopped: Organization) -> None:
    stop_enrollments(stopped, actor="bob@example.com")
    (notice,) = find_stop_notices()
    assert "ann@example.com" in notice.text
    resume_enrollments(stopped, actor="bob@example.com")
    resume_enrollments(stopped, actor="bob@example.com")
    assert find_stop_notices() == []
    actions = (
        AuditEntry.objects.filter(action__startswith="enrollment.")
        .order_by("id")
        .values_list("actor", "action")
    )
    assert list(actions) == [
        ("ann@example.com", "enrollment.stop"),
        ("bob@example.com", "enrollment.resume"),
    ]
