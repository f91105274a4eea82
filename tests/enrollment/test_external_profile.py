"""What a device is told of an external SCEP server, and whose certificates its token lets in."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from devices.errors import AdmissionRefused
from devices.models import Device, Enrollment, Group
from devices.protocol.admission import AdmissionRequest
from devices.selectors import get_push_certificate
from enrollment.errors import NotReady
from enrollment.models import EnrollmentSession
from enrollment.services.admission import admit
from enrollment.services.profile import release_profile
from enrollment.services.renewal import build_renewal_profile
from enrollment.services.token_texts import build_challenge
from enrollment.services.tokens import create_token
from scep.models import IssuedCertificate, ScepProfile
from scep.services.external_identities import identify
from scep.services.profiles import create_scep_profile, update_scep_profile
from tests.enrollment.apple_facts import FACTS
from tests.enrollment.conftest import MakeSession, OpenProfile
from tests.enrollment.test_profile import SCEP, check_keys, find_payload
from tests.scep.external.scep_server import (
    TOKEN,
    Holder,
    ScepServer,
    build_name,
    make_authority,
    make_identity,
)
from tests.scep.external.tls_server import WebServer

pytestmark = pytest.mark.django_db
MakeSessionOf = Callable[[ScepProfile], EnrollmentSession]


@pytest.fixture
def make_session_of(make_session: MakeSession) -> MakeSessionOf:
    def make(profile: ScepProfile) -> EnrollmentSession:
        token = create_token(
            name="Kiosks",
            group=Group.objects.order_by("id")[0],
            expires_at=timezone.now() + timedelta(hours=1),
            max_uses=0,
            scep_profile=profile,
            actor="tests",
        )
        return make_session(token)

    return make


def read_scep(session: EnrollmentSession, open_profile: OpenProfile) -> dict[str, Any]:
    profile = open_profile(release_profile(session, now=timezone.now()))
    content: dict[str, Any] = find_payload(profile, SCEP)["PayloadContent"]
    check_keys(content, known=FACTS[f"{SCEP}/PayloadContent"], what="SCEP content")
    return content


def test_device_is_sent_to_the_external_server_when_the_profile_names_one(
    external: ScepProfile,
    stranger: ScepServer,
    make_session_of: MakeSessionOf,
    open_profile: OpenProfile,
) -> None:
    update_scep_profile(
        external,
        actor="tests",
        key_usage=1,
        key_size=4096,
        subject=["O={organization}", "OU={group}", "CN={serial}", "UID={token}"],
        subject_alternative_names=[
            "dns={serial}.example.com",
            "uri=urn:session:{session}",
            "uri=urn:token:{token}",
            "upn={session}@example.com",
        ],
    )
    session = make_session_of(external)
    content = read_scep(session, open_profile)
    group = session.token.group_name
    assert content["URL"] == external.external_url
    assert content["Name"] == "corp"
    assert content["CAFingerprint"] == bytes.fromhex(stranger.authority.fingerprint)
    assert content["Challenge"] == stranger.static
    assert (content["Key Usage"], content["Keysize"]) == (1, 4096)
    # The serial number is not known before the device has spoken: the session stands for it.
    assert content["Subject"] == [
        [["O", "Example Org"]],
        [["OU", group]],
        [["0.9.2342.19200300.100.1.1", "Kiosks"]],
        [["CN", session.public_id]],
    ]
    assert content["SubjectAltName"] == {
        "uniformResourceIdentifier": [f"urn:session:{session.public_id}", "urn:token:Kiosks"],
        "ntPrincipalName": f"{session.public_id}@example.com",
    }


def test_renewal_asks_for_the_name_of_the_identity_when_the_template_gives_another_by_now(
    external: ScepProfile,
    authority: Holder,
    make_session_of: MakeSessionOf,
    open_profile: OpenProfile,
) -> None:
    """By its name alone a new certificate of an external CA is known to be the device's."""
    templates = ["CN={group} {platform}", "O={organization}"]
    update_scep_profile(external, actor="tests", subject=templates)
    session = make_session_of(external)
    [[[_, name]], _] = read_scep(session, open_profile)["Subject"]
    row = identify(
        make_identity(authority, subject=build_name(name)).certificate, now=timezone.now()
    )
    elsewhere = Group.objects.create(name="Elsewhere")
    device = Device.objects.create(udid="U1", group=elsewhere, platform="macos")
    EnrollmentSession.objects.filter(pk=session.pk).update(device_id=device.public_id)
    enrollment = Enrollment.objects.create(
        device=device,
        state="live",
        session_id=session.public_id,
        certificate_sha256=row.fingerprint or "",
        certificate_not_after=row.not_after,
        topic=get_push_certificate().topic,
        last_seen_at=timezone.now(),
    )
    for template in (templates, ["CN={token}"]):
        update_scep_profile(external, actor="tests", subject=template)
        profile = open_profile(build_renewal_profile(enrollment, now=timezone.now()))
        assert [["CN", name]] in find_payload(profile, SCEP)["PayloadContent"]["Subject"]
    update_scep_profile(external, actor="tests", subject=["CN=Fleet {session}"])
    profile = open_profile(build_renewal_profile(enrollment, now=timezone.now()))
    subject = find_payload(profile, SCEP)["PayloadContent"]["Subject"]
    assert subject == [[["CN", f"Fleet {session.public_id}"]]]


def test_challenge_is_the_hooks_when_it_is_dynamic(
    values: dict[str, Any],
    outside: WebServer,
    stranger: ScepServer,
    make_session_of: MakeSessionOf,
    open_profile: OpenProfile,
) -> None:
    hook = {
        "challenge_type": "dynamic",
        "static_challenge": None,
        "hook_type": "json",
        "hook_url": f"{outside.url}/challenge",
        "hook_password": TOKEN,
    }
    session = make_session_of(create_scep_profile(actor="tests", **(values | hook)))
    given = {read_scep(session, open_profile)["Challenge"] for _ in range(2)}
    assert given == stranger.challenges
    assert len(given) == 2
    assert {request["session"] for request in stranger.requests} == {session.public_id}
    assert stranger.requests[0]["attributes"]["token"] == "Kiosks"
    stranger.is_down = True
    with pytest.raises(NotReady) as caught:
        release_profile(session, now=timezone.now())
    assert caught.value.code == "scep_server_unreachable"


def test_device_waits_for_the_administrator_when_the_profile_holds_requests(
    make_session_of: MakeSessionOf, open_profile: OpenProfile
) -> None:
    held = create_scep_profile(
        actor="tests", name="Held", challenge_type="dynamic", hold_for_approval=True
    )
    content = read_scep(make_session_of(held), open_profile)
    assert content["Retries"] * content["RetryDelay"] >= 50 * 60
    plain = create_scep_profile(actor="tests", name="Plain", challenge_type="dynamic")
    content = read_scep(make_session_of(plain), open_profile)
    assert (content["Retries"], content["RetryDelay"]) == (3, 10)


def ask_admission(session: EnrollmentSession, holder: Holder, *, name: str = "") -> None:
    row = identify(holder.certificate, now=timezone.now())
    profile = row.scep_profile
    request = AdmissionRequest(
        udid="UDID-1",
        serial_number="C02XYZ",
        challenge=build_challenge(session),
        certificate_sha256=row.fingerprint or "",
        certificate_session_id=row.session_id,
        certificate_token_id=row.token_id,
        certificate_scep_profile_id=profile.public_id if profile else "",
        now=timezone.now(),
        certificate_authority_id=row.issuer.public_id,
        certificate_common_name=name,
    )
    with transaction.atomic():
        admit(request)


def test_certificate_is_admitted_and_assigned_when_the_tokens_profile_trusts_its_ca(
    external: ScepProfile,
    values: dict[str, Any],
    authority: Holder,
    make_session_of: MakeSessionOf,
) -> None:
    second = create_scep_profile(actor="tests", **(values | {"name": "Second"}))
    session = make_session_of(second)
    ask_admission(session, make_identity(authority), name=session.public_id)
    row = IssuedCertificate.objects.get()
    assert (row.scep_profile, row.session_id) == (second, session.public_id)
    assert row.token_id == session.token.jti


def test_certificate_is_refused_when_only_another_profile_trusts_its_ca(
    external: ScepProfile,
    values: dict[str, Any],
    make_session_of: MakeSessionOf,
) -> None:
    other = make_authority("Another CA")
    mixed = values | {"name": "Second", "trusted_ca_pem": other.pem}
    create_scep_profile(actor="tests", **mixed)
    for profile in (external, ScepProfile.objects.get(name="Default")):
        with pytest.raises(AdmissionRefused) as caught:
            ask_admission(make_session_of(profile), make_identity(other))
        assert caught.value.code == "identity_not_trusted"


def test_certificate_is_refused_when_it_bears_another_sessions_name(
    external: ScepProfile,
    authority: Holder,
    make_session_of: MakeSessionOf,
) -> None:
    first, second = make_session_of(external), make_session_of(external)
    stolen = make_identity(authority, subject=build_name(first.public_id))
    with pytest.raises(AdmissionRefused) as caught:
        ask_admission(second, stolen, name=first.public_id)
    assert caught.value.code == "identity_not_trusted"


def test_certificate_is_refused_when_it_has_been_in_another_session(
    external: ScepProfile,
    authority: Holder,
    make_session_of: MakeSessionOf,
) -> None:
    holder = make_identity(authority)
    ask_admission(make_session_of(external), holder)
    with pytest.raises(AdmissionRefused) as caught:
        ask_admission(make_session_of(external), holder)
    assert caught.value.code == "identity_not_trusted"
