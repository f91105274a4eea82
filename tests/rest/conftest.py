"""A server with one of everything, and programs of every role that talk to it over HTTP."""

import json
import plistlib
import uuid
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from devices.models import (
    BulkCommand,
    Command,
    Device,
    DeviceStatus,
    Enrollment,
    EnrollmentState,
    EscrowedSecret,
    Group,
)
from devices.services.bulk_commands import request_bulk
from devices.services.escrow import keep_secret
from enrollment.models import EnrollmentSession, EnrollmentToken, Invitation, LogEntry
from enrollment.protocol.invitation_list import InvitedPerson
from enrollment.services.invitations import invite_people
from organization.models import ApiKey, Role
from organization.services.api_keys import create_api_key
from policies.models import Package, Policy, PolicyItem
from policies.services.items import add_profile_item
from policies.services.policies import create_policy
from scep.models import (
    CertificateAuthority,
    CertificateStatus,
    HeldRequest,
    IssuedCertificate,
    ScepProfile,
    ServiceCertificate,
)
from scep.selectors import get_profile_authority
from scep.services.rotation import prepare_authority
from tests.database import keep_rows
from tests.policies.packages import make_ipa
from tests.policies.uploads import upload_package
from tests.rest.documented import check_answer
from webhooks.models import Delivery, Webhook
from webhooks.services.webhooks import create_webhook, send_test

FAR = datetime(2099, 1, 1, tzinfo=UTC)


class Program:
    """A program with an API key (or none); answers are Django responses, and as documented."""

    def __init__(self, key: str = "") -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def send(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        if body is not None:
            options = {"data": json.dumps(body), "content_type": "application/json", **options}
        address = f"/api/v1/{path}"
        answer = self.client.generic(method, address, headers=self.headers, **options)
        check_answer(method, path, answer)
        return answer

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.client.get(f"/api/v1/{path}", parameters, headers=self.headers)
        check_answer("GET", path, answer)
        return answer

    def post(self, path: str, body: Any = None) -> Any:
        return self.send("POST", path, body)

    def patch(self, path: str, body: Any) -> Any:
        return self.send("PATCH", path, body)

    def delete(self, path: str) -> Any:
        return self.send("DELETE", path)

    def list(self, path: str, **parameters: Any) -> list[Any]:
        answer = self.get(path, **parameters)
        assert answer.status_code == 200, answer.content
        rows: list[Any] = answer.json()["results"]
        return rows


@dataclass
class Sample:
    """One row of every kind, as a device and an administrator would have left them."""

    group: Group
    policy: Policy
    item: PolicyItem
    package: Package
    device: Device
    enrollment: Enrollment
    command: Command
    secret: EscrowedSecret
    bulk: BulkCommand
    scep_profile: ScepProfile
    certificate: IssuedCertificate
    token: EnrollmentToken
    invitation: Invitation
    session: EnrollmentSession
    entry: LogEntry
    key: ApiKey
    held_request: HeldRequest
    authority: CertificateAuthority
    service_certificate: ServiceCertificate
    webhook: Webhook
    delivery: Delivery


def build_mobileconfig(name: str = "Wi-Fi", **content: Any) -> bytes:
    payload = {
        "PayloadType": "com.apple.wifi.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": "com.example.wifi.1",
        "PayloadUUID": str(uuid.uuid4()).upper(),
        "SSID_STR": "Example",
        "EncryptionType": "None",
        **content,
    }
    profile = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": "com.example.wifi",
        "PayloadUUID": str(uuid.uuid4()).upper(),
        "PayloadDisplayName": name,
        "PayloadContent": [payload],
    }
    return plistlib.dumps(profile)


def add_device(number: int, *, group: Group | None = None, **facts: Any) -> Device:
    return Device.objects.create(
        udid=f"00008101-{number:016X}",
        serial_number=f"SERIAL{number:04}",
        **{"name": f"Device {number}", "status": DeviceStatus.ENROLLED, **facts},
        group=group,
    )


def add_enrollment(device: Device, *, session_id: str = "") -> Enrollment:
    return Enrollment.objects.create(
        device=device,
        state=EnrollmentState.LIVE,
        session_id=session_id,
        certificate_sha256=uuid.uuid4().hex * 2,
        certificate_not_after=FAR,
        topic="com.apple.mgmt.External.example",
        push_token=b"token",
        push_magic=b"magic",
    )


def add_command(enrollment: Enrollment, **facts: Any) -> Command:
    return Command.objects.create(
        uuid=str(uuid.uuid4()).upper(),
        enrollment=enrollment,
        body=b"<plist/>",
        **{"request_type": "ProfileList", "origin": "key:tests", **facts},
    )


def add_certificate(profile: ScepProfile, **facts: Any) -> IssuedCertificate:
    issuer = get_profile_authority(profile)
    return IssuedCertificate.objects.create(
        issuer=issuer,
        scep_profile=profile,
        status=CertificateStatus.ISSUED,
        serial=uuid.uuid4().hex,
        subject="CN=Device",
        fingerprint=uuid.uuid4().hex * 2,
        certificate=bytes(issuer.certificate),
        public_key_sha256="0" * 64,
        not_before=FAR - timedelta(days=365),
        not_after=FAR,
        **facts,
    )


def add_held_request(profile: ScepProfile, **facts: Any) -> HeldRequest:
    return HeldRequest.objects.create(
        scep_profile=profile,
        transaction_id=uuid.uuid4().hex,
        public_key_sha256="0" * 64,
        common_name="Device",
        **facts,
    )


def add_token(group: Group, *, name: str = "Token", **options: Any) -> EnrollmentToken:
    from enrollment.services.tokens import create_token

    defaults = {"expires_at": FAR, "max_uses": 10, "actor": "tests"}
    return create_token(name=name, group=group, **{**defaults, **options})


def add_invitation(token: EnrollmentToken, *, email: str = "ann@example.com") -> Invitation:
    people = [InvitedPerson("Ann Lee", email)]
    invite_people(token, people=people, language="en", send_mail=False, actor="tests")
    return Invitation.objects.latest("id")


def add_webhook(**facts: Any) -> Webhook:
    values = {"name": "Help desk", "url": "https://help.example.com/x", "events": ["log.error"]}
    return create_webhook(**(values | facts), actor="tests")[0]


def add_session(token: EnrollmentToken, **facts: Any) -> EnrollmentSession:
    return EnrollmentSession.objects.create(
        token=token, expires_at=FAR, platform="ios", user_agent="Safari", **facts
    )


@pytest.fixture(scope="module")
def kept_sample(django_db_setup: str, django_db_blocker: Any) -> Iterator[Sample]:
    """`sample` is made once for a module that names this fixture."""
    with keep_rows(django_db_blocker.unblock):
        with django_db_blocker.unblock():
            sample = make_sample()
        yield sample


@pytest.fixture
def sample(request: pytest.FixtureRequest, bootstrapped: None) -> Sample:
    if "kept_sample" in request.fixturenames:
        return deepcopy(request.getfixturevalue("kept_sample"))
    return make_sample()


def make_sample() -> Sample:
    group = Group.objects.create(name="Sales")
    policy = create_policy("Basics", groups=[group], actor="tests")
    item = add_profile_item(policy, data=build_mobileconfig(), actor="tests")
    scep_profile = ScepProfile.objects.get(name="Default")
    token = add_token(group, scep_profile=scep_profile)
    session = add_session(token)
    device = add_device(1, group=group, platform="ios")
    webhook = add_webhook()
    enrollment = add_enrollment(device, session_id=session.public_id)
    EnrollmentSession.objects.filter(pk=session.pk).update(device_id=device.public_id)
    return Sample(
        group=group,
        policy=policy,
        item=item,
        package=upload_package(make_ipa()),
        device=device,
        enrollment=enrollment,
        command=add_command(enrollment),
        secret=keep_secret(
            enrollment, kind="filevault_key", value="AAAA-BBBB-CCCC", confirmed_at=FAR
        ),
        bulk=request_bulk([device.pk], name="ProfileList", parameters={}, actor="tests"),
        scep_profile=scep_profile,
        certificate=add_certificate(scep_profile, session_id=session.public_id),
        token=token,
        invitation=add_invitation(token),
        session=session,
        entry=LogEntry.objects.create(
            level="error",
            code="token_expired",
            message="too late",
            token=token,
            session_id=session.public_id,
            detail={"platform": "ios"},
        ),
        key=create_api_key("sample", role=Role.AUDITOR, actor="tests")[0],
        held_request=add_held_request(scep_profile, session_id=session.public_id),
        authority=prepare_authority(
            key_type="ec_p256", activates_at=None, actor="tests", now=timezone.now()
        ),
        service_certificate=ServiceCertificate.objects.earliest("id"),
        webhook=webhook,
        delivery=send_test(webhook, actor="tests"),
    )


def _build_program(role: Role) -> Program:
    return Program(create_api_key(f"{role} program", role=role, actor="tests")[1])


@pytest.fixture
def administrator(bootstrapped: None) -> Program:
    return _build_program(Role.ADMINISTRATOR)


@pytest.fixture
def operator(bootstrapped: None) -> Program:
    return _build_program(Role.OPERATOR)


@pytest.fixture
def auditor(bootstrapped: None) -> Program:
    return _build_program(Role.AUDITOR)


@pytest.fixture
def nobody(bootstrapped: None) -> Program:
    return Program()
