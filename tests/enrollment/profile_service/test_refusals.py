"""What is sent to the Profile Service and is no device's message is refused, in clear words."""

import plistlib
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from enrollment.models import EnrollmentSession, LogEntry
from enrollment.services.token_texts import build_challenge, build_enrollment_url
from enrollment.services.tokens import revoke_token
from enrollment.views import door
from scep.models import CertificatePurpose, IssuedCertificate, ScepProfile
from tests.enrollment.conftest import MakeSession, MakeToken
from tests.enrollment.profile_service.device import (
    assert_refused,
    describe,
    make_device,
    post,
    sign,
)
from tests.simulator.factory import FactoryAuthority
from tests.simulator.hardware import Hardware
from tests.simulator.state import Identity

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"not a property list", 400),
        (plistlib.dumps(["no dictionary"]), 400),
        (plistlib.dumps({"SERIAL": "C02"}), 400),
        (b"<plist><dict>" + b"<key>a</key><array>" * 200, 400),
    ],
)
def test_signed_nonsense_is_refused_when_a_device_sends_it(
    session: EnrollmentSession, identity: Identity, content: bytes, status: int
) -> None:
    answer = post(session, sign(content, identity=identity))
    assert_refused(answer, session=session, status=status, code="profile_service_malformed")


@pytest.mark.parametrize(
    "change",
    [
        {"message_digest": b"x" * 32},
        {"corrupt_signature": True},
        {"digest": "md5"},
        {"omit": ("1.2.840.113549.1.9.4",)},
    ],
)
def test_message_is_refused_when_its_signature_proves_nothing(
    session: EnrollmentSession, hardware: Hardware, identity: Identity, change: dict[str, Any]
) -> None:
    answer = post(session, sign(describe(hardware, session=session), identity=identity, **change))
    assert_refused(answer, session=session, status=403, code="signature_invalid")


HOSTILE = {
    "nothing": b"",
    "text": b"<plist/>",
    "nested": b"\x30\x80" * 30000,
    "lengths": b"\x30\x84\xff\xff\xff\xff" + b"A" * 60000,
    "octets": b"\x24\x80" * 30000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_cost_a_clear_answer_when_they_are_no_signature(
    session: EnrollmentSession, name: str
) -> None:
    started = time.process_time()
    answer = post(session, HOSTILE[name])
    assert time.process_time() - started < 1
    assert_refused(answer, session=session, status=403, code="signature_invalid")


def test_message_is_refused_when_it_is_too_large(session: EnrollmentSession) -> None:
    answer = post(session, b"A" * (64 * 1024 + 1))
    assert (answer.status_code, answer.content) == (413, b"profile_service_malformed\n")


def test_door_answers_in_its_own_words_when_it_is_not_for_the_asker(
    session: EnrollmentSession, make_session: MakeSession, make_token: MakeToken, client: Client
) -> None:
    path = f"/enroll/profile-service/{session.public_id}"
    assert client.get(path).status_code == 405
    assert post("ses_" + "x" * 20, b"").status_code == 404
    direct = make_session(make_token())
    assert post(direct, b"").status_code == 404
    revoke_token(session.token, actor="tests")
    assert_refused(post(session, b""), session=session, status=410, code="token_revoked")


def test_challenge_is_needed_when_a_device_begins(
    session: EnrollmentSession,
    make_session: MakeSession,
    make_token: MakeToken,
    hardware: Hardware,
    identity: Identity,
) -> None:
    """T2: that the URL is known proves nothing; and another session's challenge as little."""
    other = build_challenge(make_session(session.token))
    for challenge, status, code in (
        ("", 400, "token_malformed"),
        ("nonsense", 400, "token_malformed"),
        (other, 404, "session_unknown"),
    ):
        message = describe(hardware, session=session, CHALLENGE=challenge)
        answer = post(session, sign(message, identity=identity))
        assert_refused(answer, session=session, status=status, code=code)


def test_log_holds_no_challenge_when_phases_succeed_and_fail(
    make_token: MakeToken, factory: FactoryAuthority
) -> None:
    device = make_device(factory)
    device.enroll(build_enrollment_url(make_token(profile_service=True)))
    session = EnrollmentSession.objects.get()
    post(session, sign({"UDID": "eyJ" + "a" * 40}, identity=device.factory_identity))
    for entry in LogEntry.objects.all():
        assert "eyJ" not in f"{entry.message} {entry.detail}"


def test_person_waits_when_the_tests_ca_cannot_be_read(
    settings: Any, session: EnrollmentSession, tmp_path: Path
) -> None:
    settings.DEVICE_CA = str(tmp_path / "missing.pem")
    answer = post(session, b"")
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")


def test_external_or_missing_scep_profile_is_no_obstacle_when_our_own_ca_identifies(
    make_token: MakeToken, factory: FactoryAuthority, scep_profile: ScepProfile
) -> None:
    """The certificate for phase 3 comes by the oldest SCEP profile of our own."""
    device = make_device(factory)
    device.enroll(build_enrollment_url(make_token(challenge="none", profile_service=True)))
    service = IssuedCertificate.objects.get(purpose=CertificatePurpose.PROFILE_SERVICE)
    assert service.scep_profile == scep_profile
    assert device.is_enrolled


def test_device_waits_when_too_many_of_its_network_were_refused(
    session: EnrollmentSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()
    monkeypatch.setattr(door, "REFUSAL_LIMIT", 2)
    answers = [post(session, b"nonsense") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [403, 403, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= door.RATE_SECONDS
    assert LogEntry.objects.filter(code="signature_invalid").count() == 2
    cache.clear()
