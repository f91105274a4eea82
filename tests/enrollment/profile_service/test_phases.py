"""Apple's Profile Service, from the first profile to the device that is enrolled or refused."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509
from django.db import transaction

from devices.errors import AdmissionRefused
from devices.models import Device
from enrollment.models import EnrollmentSession, LogEntry, ReportedDevice, SessionState
from enrollment.services.admission import admit
from enrollment.services.profile import release_profile
from enrollment.services.token_texts import build_challenge, build_enrollment_url, build_token_text
from scep.models import CertificatePurpose, IssuedCertificate
from scep.selectors import list_recipients
from scep.services.pki_operation import handle_pki_operation
from scep.services.profiles import update_scep_profile
from tests.enrollment.conftest import MakeSession, MakeToken, OpenProfile
from tests.enrollment.profile_service.device import (
    assert_refused,
    describe,
    list_codes,
    make_device,
    post,
    sign,
)
from tests.enrollment.test_admission import build_request
from tests.scep.device import Device as ScepDevice
from tests.simulator.device import SimulatedDevice
from tests.simulator.errors import SimulationFailure
from tests.simulator.factory import FactoryAuthority, make_authority
from tests.simulator.habits import Misbehaviour
from tests.simulator.hardware import Hardware, make_hardware
from tests.simulator.state import Identity

pytestmark = pytest.mark.django_db
STEPS = [
    "session_opened",
    "profile_downloaded",
    "device_identified",
    "service_certificate_issued",
    "profile_service_completed",
    "certificate_issued",
    "device_authenticated",
    "device_enrolled",
]


@pytest.mark.parametrize(
    ("platform", "challenge"),
    [("ios", "dynamic"), ("ipados", "token"), ("macos", "static"), ("macos", "none")],
)
def test_certificate_names_the_device_when_it_told_of_itself_first(
    make_token: MakeToken, factory: FactoryAuthority, platform: str, challenge: str
) -> None:
    token = make_token(challenge=challenge, profile_service=True)
    if token.scep_profile:
        subject = ["CN={serial}", "UID={udid}", "OU={product}"]
        names = ["uri=urn:imei:{imei}"]
        update_scep_profile(
            token.scep_profile, actor="tests", subject=subject, subject_alternative_names=names
        )
    device = make_device(factory, platform=platform)
    device.enroll(build_enrollment_url(token))
    session = EnrollmentSession.objects.get()
    service, identity = IssuedCertificate.objects.order_by("id")

    assert device.is_enrolled
    assert sorted(list_codes(session)) == sorted(STEPS)
    assert (session.state, session.platform) == (SessionState.ENROLLED, platform)
    phases = session.steps.filter(kind__startswith="profile_service_").order_by("first_at")
    assert [(step.kind, step.code) for step in phases] == [
        ("profile_service_2", ""),
        ("profile_service_3", ""),
    ]
    purposes = [CertificatePurpose.PROFILE_SERVICE, CertificatePurpose.IDENTITY]
    assert [service.purpose, identity.purpose] == purposes
    assert not identity.lacks_attributes
    if token.scep_profile:
        product = device.hardware.platform.product_name.replace(",", "\\,")
        expected = f"OU={product},UID={device.udid},CN={device.serial}"
        assert identity.subject == expected
        assert _list_uris(device) == (_build_uris(device.hardware.imei))
    assert device.serial not in service.subject
    assert device.udid not in service.subject
    assert service.not_after - service.not_before < identity.not_after - identity.not_before
    row = ReportedDevice.objects.get()
    assert (row.udid, row.serial_number) == (device.udid, device.serial)
    assert row.completed_at is not None


def _list_uris(device: SimulatedDevice) -> list[str]:
    assert device.certificate is not None
    try:
        names = device.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)


def _build_uris(imei: str | None) -> list[str]:
    return [f"urn:imei:{imei.replace(' ', '%20')}"] if imei else []


def test_first_profile_holds_no_more_than_apple_defines_when_it_is_downloaded(
    session: EnrollmentSession, open_profile: OpenProfile, now: datetime
) -> None:
    profile = open_profile(release_profile(session, now=now))
    assert profile["PayloadType"] == "Profile Service"
    assert profile["PayloadContent"] == {
        "URL": f"http://127.0.0.1:8000/enroll/profile-service/{session.public_id}",
        "DeviceAttributes": ["UDID", "VERSION", "PRODUCT", "SERIAL", "MEID", "IMEI"],
        "Challenge": build_challenge(session),
    }
    assert (profile["PayloadVersion"], profile["TargetDeviceType"]) == (1, 1)
    session.refresh_from_db()
    assert session.state == SessionState.PROFILE_DOWNLOADED


@pytest.mark.parametrize(
    "shape",
    [
        {"digest": "sha1"},
        {"digest": "sha256", "ber": True},
        {"digest": "sha1", "attributes": None, "ber": True},
        {"digest": "sha256", "with_chain": True, "ber": True},
        {"digest": "sha1", "with_chain": True},
        {"leaf": "sha256", "digest": "sha256"},
    ],
)
def test_second_profile_brings_a_certificate_when_a_device_signs_as_some_device_does(
    session: EnrollmentSession,
    factory: FactoryAuthority,
    hardware: Hardware,
    open_profile: OpenProfile,
    shape: dict[str, Any],
) -> None:
    options = dict(shape)
    identity = factory.make_identity(hardware, digest=options.pop("leaf", "sha1"))
    chain = (factory.certificate, *factory.chain) if options.pop("with_chain", False) else ()
    body = sign(describe(hardware, session=session), identity=identity, chain=chain, **options)
    answer = post(session, body)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/x-apple-aspen-config"
    assert answer["Cache-Control"] == "no-store"
    profile = open_profile(answer.content)
    (payload,) = profile["PayloadContent"]
    assert (profile["PayloadType"], payload["PayloadType"]) == (
        "Configuration",
        "com.apple.security.scep",
    )
    first = build_challenge(session)
    assert first not in str(profile)
    assert payload["PayloadContent"]["URL"].startswith("http://127.0.0.1:8000/scep/scep_")


def test_each_phase_is_answered_again_when_the_device_repeats_it(
    make_token: MakeToken, factory: FactoryAuthority
) -> None:
    """As after a lost answer: the same device again, with a new certificate each time."""
    device = make_device(factory)
    url = build_enrollment_url(make_token(profile_service=True, max_uses=1))
    device.open_page(url)
    device.download_profile(url)
    session = EnrollmentSession.objects.get()
    identity = device.factory_identity
    body = sign(describe(device.hardware, session=session), identity=identity)
    assert [post(session, body).status_code for _ in range(2)] == [200, 200]
    assert device.service_identity is not None
    last = {"UDID": device.udid, "SERIAL": device.serial}
    body = sign(last, identity=device.service_identity)
    assert [post(session, body).status_code for _ in range(2)] == [200, 200]
    device.obtain_identity()
    device.authenticate()
    device.token_update()
    codes = list_codes(session)
    assert ReportedDevice.objects.count() == 1
    assert codes.count("device_identified") == codes.count("profile_service_completed") == 1
    assert_gone(post(session, body))


def assert_gone(answer: Any) -> None:
    assert (answer.status_code, answer.content) == (410, b"token_exhausted\n")


def test_service_certificate_is_refused_when_it_speaks_as_an_identity(
    make_token: MakeToken, factory: FactoryAuthority
) -> None:
    """D3: neither at /mdm nor for a renewal, though our CA signed it and the device holds it."""
    device = make_device(factory)
    url = build_enrollment_url(make_token(profile_service=True))
    device.open_page(url)
    device.download_profile(url)
    device.obtain_identity()
    assert device.service_identity is not None
    device.state.identity = device.service_identity
    with pytest.raises(SimulationFailure) as caught:
        device.authenticate()
    assert caught.value.status == 403
    entry = LogEntry.objects.order_by("id").last()
    assert entry is not None
    assert entry.code == "identity_not_trusted"
    assert "another use (profile_service)" in entry.message
    assert not Device.objects.exists()


def test_device_is_refused_when_no_device_ca_of_apples_has_issued_its_certificate(
    session: EnrollmentSession, hardware: Hardware
) -> None:
    stranger = make_authority().make_identity(hardware)
    body = sign(describe(hardware, session=session), identity=stranger)
    answer = post(session, body)
    assert_refused(answer, session=session, status=403, code="device_certificate_not_trusted")
    assert not ReportedDevice.objects.exists()


def test_tests_ca_is_refused_when_the_server_trusts_apples(
    settings: Any, session: EnrollmentSession, hardware: Hardware, identity: Identity
) -> None:
    settings.DEVICE_CA = ""
    body = sign(describe(hardware, session=session), identity=identity)
    answer = post(session, body)
    assert_refused(answer, session=session, status=403, code="device_certificate_not_trusted")


def test_second_device_is_refused_when_the_session_is_the_firsts(
    session: EnrollmentSession, factory: FactoryAuthority, hardware: Hardware, identity: Identity
) -> None:
    """Another UDID, another serial number, and the first one's name under another's signature."""
    post(session, sign(describe(hardware, session=session), identity=identity))
    other = make_hardware("ios")
    thief = factory.make_identity(other)
    for message in (
        sign(describe(other, session=session), identity=thief),
        sign(describe(hardware, session=session, SERIAL=other.serial), identity=identity),
        sign(describe(hardware, session=session), identity=thief),
    ):
        assert_refused(post(session, message), session=session, status=403, code="device_mismatch")
    again = post(session, sign(describe(hardware, session=session), identity=identity))
    assert again.status_code == 200
    session.refresh_from_db()
    assert session.state == SessionState.PROFILE_DOWNLOADED


def test_phase_three_is_refused_when_another_device_speaks(
    make_token: MakeToken, factory: FactoryAuthority
) -> None:
    device = make_device(factory, misbehave=Misbehaviour.OTHER_DEVICE)
    with pytest.raises(SimulationFailure) as caught:
        device.enroll(build_enrollment_url(make_token(profile_service=True)))
    assert (caught.value.step, caught.value.status) == ("configure", 403)
    session = EnrollmentSession.objects.get()
    assert (session.state, session.failure_code) == (SessionState.FAILED, "device_mismatch")


def test_phase_three_is_refused_when_its_certificate_is_another_sessions(
    make_token: MakeToken, make_session: MakeSession, factory: FactoryAuthority
) -> None:
    device, token = make_device(factory), make_token(profile_service=True)
    device.open_page(build_enrollment_url(token))
    device.download_profile(build_enrollment_url(token))
    assert device.service_identity is not None
    other = make_session(token)
    body = sign({"UDID": device.udid}, identity=device.service_identity)
    assert_refused(post(other, body), session=other, status=403, code="identity_not_trusted")


def test_device_is_refused_at_authenticate_when_another_was_identified(
    make_token: MakeToken, factory: FactoryAuthority
) -> None:
    device = make_device(factory)
    url = build_enrollment_url(make_token(profile_service=True))
    device.open_page(url)
    device.download_profile(url)
    device.obtain_identity()
    device.hardware = make_hardware("ios")
    with pytest.raises(SimulationFailure) as caught:
        device.authenticate()
    assert caught.value.status == 403
    session = EnrollmentSession.objects.get()
    assert (session.state, session.failure_code) == (SessionState.FAILED, "device_mismatch")
    assert not Device.objects.exists()


@pytest.mark.parametrize(
    "build", [build_challenge, lambda session: build_token_text(session.token)]
)
def test_no_certificate_is_issued_when_the_profile_service_is_left_out(
    make_token: MakeToken,
    make_session: MakeSession,
    build: Callable[[EnrollmentSession], str],
    now: datetime,
) -> None:
    """Phase 1's profile holds the challenge, and the link the token: alone they bring nothing."""
    session = make_session(make_token(challenge="token", profile_service=True))
    profile: Any = session.token.scep_profile
    release_profile(session, now=now)
    ra = list_recipients(profile)[0].certificate
    message = ScepDevice().build_request(ra=ra, challenge=build(session))
    handle_pki_operation(message, scep_profile=profile, now=now)
    assert not IssuedCertificate.objects.exists()
    last = LogEntry.objects.order_by("id").last()
    assert last is not None
    assert last.code == "device_not_identified"


def test_no_device_enrolls_when_a_static_challenge_replaces_the_profile_service(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    """Who knows it gets a certificate, as of every static challenge, but no enrollment."""
    session = make_session(make_token(challenge="static", profile_service=True))
    request = build_request(session)
    with pytest.raises(AdmissionRefused) as caught, transaction.atomic():
        admit(request)
    assert caught.value.code == "device_not_identified"
