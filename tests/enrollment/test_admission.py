"""May this device enroll? The token is verified again, and a use counts once a device."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from devices.errors import AdmissionRefused
from devices.models import Device, Enrollment, EnrollmentState
from devices.protocol.admission import Admission, AdmissionRequest
from enrollment.models import EnrollmentSession, EnrollmentToken, SessionState, TokenUse
from enrollment.protocol.access_rights import ALL_RIGHTS
from enrollment.services.admission import admit
from enrollment.services.token_texts import build_challenge, build_token_text
from enrollment.services.tokens import revoke_token
from tests.enrollment.conftest import MakeSession, MakeToken

pytestmark = pytest.mark.django_db


def build_request(session: EnrollmentSession, *, udid: str = "UDID-1") -> AdmissionRequest:
    profile = session.token.scep_profile
    return AdmissionRequest(
        udid=udid,
        serial_number="C02XYZ",
        challenge=build_challenge(session),
        certificate_sha256="ab" * 32,
        certificate_session_id=session.public_id,
        certificate_token_id="",
        certificate_scep_profile_id=profile.public_id if profile else "",
        now=timezone.now(),
    )


def code_of(request: AdmissionRequest) -> str:
    with pytest.raises(AdmissionRefused) as caught, transaction.atomic():
        admit(request)
    return caught.value.code


def test_device_joins_the_tokens_group_when_admitted(make_session: MakeSession) -> None:
    session = make_session()
    admission = admit(build_request(session))
    assert session.token.group_id
    assert admission == Admission(
        session.token.group_id, session.public_id, session.token.jti, access_rights=ALL_RIGHTS
    )
    session.refresh_from_db()
    session.token.refresh_from_db()
    assert (session.state, session.token.use_count) == (SessionState.AUTHENTICATED, 1)


def test_person_becomes_the_owner_when_the_session_knows_one(make_session: MakeSession) -> None:
    session = make_session()
    EnrollmentSession.objects.update(person_name="Ann Lee", person_email="ann@example.com")
    admission = admit(build_request(session))
    assert (admission.owner, admission.owner_name) == ("ann@example.com", "Ann Lee")


def test_use_is_not_counted_again_when_the_same_device_returns(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    token = make_token(max_uses=1)
    first, second, third = make_session(token), make_session(token), make_session(token)
    admit(build_request(first))
    admit(build_request(second))
    token.refresh_from_db()
    assert token.use_count == 1
    assert code_of(build_request(third, udid="UDID-2")) == "token_exhausted"


def test_nothing_is_left_behind_when_refused(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    token = make_token(max_uses=1)
    admit(build_request(make_session(token)))
    session = make_session(token)
    assert code_of(build_request(session, udid="UDID-2")) == "token_exhausted"
    session.refresh_from_db()
    assert session.state == SessionState.WAITING
    assert TokenUse.objects.filter(token=token).count() == 1


def test_second_device_is_refused_when_the_session_is_used(make_session: MakeSession) -> None:
    session = make_session()
    admit(build_request(session))
    assert code_of(build_request(session, udid="UDID-2")) == "session_used"


def test_same_device_alone_is_admitted_again_when_its_enrollment_was_not_completed(
    make_session: MakeSession,
) -> None:
    session = make_session()
    admit(build_request(session))
    enrollment = Enrollment.objects.create(
        device=Device.objects.create(udid="UDID-1"),
        session_id=session.public_id,
        certificate_sha256="cd" * 32,
        certificate_not_after=timezone.now(),
        topic="com.apple.mgmt.x",
    )
    assert admit(build_request(session)).session_id == session.public_id
    assert code_of(build_request(session, udid="UDID-2")) == "session_used"
    Enrollment.objects.filter(pk=enrollment.pk).update(state=EnrollmentState.LIVE)
    assert code_of(build_request(session)) == "session_used"


def test_device_is_refused_when_its_challenge_names_another_tokens_session(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    """Signed by our key, and still of no profile that we have made."""
    session = make_session()
    challenge = build_challenge(EnrollmentSession(token=make_token(), public_id=session.public_id))
    assert code_of(replace(build_request(session), challenge=challenge)) == "session_unknown"


def test_device_is_refused_when_the_session_is_over(make_session: MakeSession) -> None:
    session = make_session()
    late = timezone.now() + timedelta(minutes=61)
    EnrollmentToken.objects.update(expires_at=None)
    request = build_request(EnrollmentSession.objects.select_related("token").get(pk=session.pk))
    assert code_of(replace(request, now=late)) == "session_expired"


def test_device_is_refused_when_the_token_was_revoked_meanwhile(make_session: MakeSession) -> None:
    session = make_session()
    request = build_request(session)
    revoke_token(session.token, actor="tests")
    assert code_of(request) == "token_revoked"


def test_device_is_refused_when_the_token_expired_meanwhile(make_session: MakeSession) -> None:
    request = build_request(make_session())
    assert code_of(replace(request, now=request.now + timedelta(hours=2))) == "token_expired"


@pytest.mark.parametrize("challenge", ["", "x", "eyJhbGciOiJub25lIn0.e30."])
def test_device_is_refused_when_its_challenge_is_no_token(
    make_session: MakeSession, challenge: str
) -> None:
    request = replace(build_request(make_session()), challenge=challenge)
    assert code_of(request) in {"token_malformed", "token_signature_invalid"}


def test_device_is_refused_when_its_challenge_is_bound_to_no_session(
    make_session: MakeSession,
) -> None:
    session = make_session()
    request = replace(build_request(session), challenge=build_token_text(session.token))
    assert code_of(request) == "session_unknown"


@pytest.mark.parametrize(
    "changes",
    [
        {"certificate_session_id": "ses_aaaaaaaaaaaaaaaaaaaa"},
        {"certificate_token_id": "another"},
        {"certificate_session_id": ""},
        {"certificate_scep_profile_id": ""},
        {"certificate_scep_profile_id": "scep_other"},
    ],
)
def test_device_is_refused_when_its_certificate_is_of_another_enrollment(
    make_session: MakeSession, changes: dict[str, str]
) -> None:
    request = replace(build_request(make_session()), **changes)  # type: ignore[arg-type]
    assert code_of(request) == "identity_not_trusted"


def test_unbound_certificate_is_enough_when_the_challenge_was_static(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    session = make_session(make_token(challenge="static"))
    admit(replace(build_request(session), certificate_session_id=""))
    session.refresh_from_db()
    assert session.state == SessionState.AUTHENTICATED


def test_certificate_of_the_bare_token_is_enough_when_it_names_the_token(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    session = make_session(make_token(challenge="token"))
    request = replace(
        build_request(session),
        certificate_session_id="",
        certificate_token_id=session.token.jti,
    )
    assert admit(request).session_id == session.public_id


@pytest.mark.django_db(transaction=True)
def test_exactly_the_uses_left_enroll_when_forty_devices_race(
    make_token: MakeToken, make_session: MakeSession, now: datetime
) -> None:
    token = make_token(max_uses=10)
    requests = [build_request(make_session(token), udid=f"UDID-{n}") for n in range(40)]
    start = threading.Barrier(len(requests))
    answers: list[str] = []

    def enroll(request: AdmissionRequest) -> None:
        start.wait()
        try:
            with transaction.atomic():
                admit(request)
            answers.append("admitted")
        except AdmissionRefused as error:
            answers.append(error.code)
        except Exception as error:  # noqa: BLE001 - a thread's failure must reach the assertion
            answers.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=enroll, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    token.refresh_from_db()
    assert sorted(answers) == ["admitted"] * 10 + ["token_exhausted"] * 30
    assert (token.use_count, token.uses.count()) == (10, 10)
    taken = EnrollmentSession.objects.filter(token=token, state=SessionState.AUTHENTICATED)
    assert taken.count() == 10
