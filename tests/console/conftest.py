"""People of every role, and one row of everything that the console shows."""

import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from devices.models import (
    Command,
    CommandState,
    Device,
    DeviceStatus,
    Enrollment,
    EnrollmentState,
    EscrowedSecret,
    Group,
    Platform,
    SoftwareTitle,
)
from devices.services.escrow import keep_secret
from devices.services.groups import create_group
from devices.services.software_counts import count_software
from enrollment.models import EnrollmentSession, EnrollmentToken, Invitation, Kiosk, LogEntry
from enrollment.protocol.invitation_list import InvitedPerson
from enrollment.services.invitations import invite_people
from enrollment.services.kiosks import start_kiosk
from enrollment.services.log import write_entry
from enrollment.services.sessions import open_session
from enrollment.services.tokens import create_token
from organization.models import Role
from organization.services.administrators import create_administrator
from policies.models import Package, Policy, PolicyItem
from policies.services.items import add_app_item, add_profile_item
from policies.services.policies import create_policy
from scep.models import (
    CertificateAuthority,
    CertificateStatus,
    HeldRequest,
    IssuedCertificate,
    ScepProfile,
    ServiceCertificate,
    ServicePurpose,
)
from scep.selectors import get_issuing_ca, get_service_identity
from scep.services.profiles import create_scep_profile
from scep.services.rotation import prepare_authority
from scep.services.service_certificates import rotate_service_certificate
from tests.console.profiles import PASSCODE_PROFILE
from tests.database import keep_rows
from tests.devices.inventory import add_certificate, install, make_application
from tests.policies.packages import make_ipa
from tests.policies.uploads import upload_package
from webhooks.models import Delivery, Webhook
from webhooks.services.webhooks import create_webhook, send_test

PASSWORD = "correct horse battery staple"
FRESH_SECONDS = 120  # less than the 300 after which some pages want the password again


@dataclass
class World:
    """What is in the database, for tests to name."""

    group: Group
    device: Device
    mac: Device
    enrollment: Enrollment
    command: Command
    secret: EscrowedSecret
    policy: Policy
    profile_item: PolicyItem
    app_item: PolicyItem
    package: Package
    scep_profile: ScepProfile
    token: EnrollmentToken
    invitation: Invitation
    entry: LogEntry
    session: EnrollmentSession
    certificate: IssuedCertificate
    held_request: HeldRequest
    next_ca: CertificateAuthority
    retired_ra: ServiceCertificate
    software_title: SoftwareTitle
    kiosk: Kiosk
    webhook: Webhook
    delivery: Delivery


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    """Serve static files from their places, so that no test needs collectstatic first."""
    backend = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": backend}


@dataclass
class Kept:
    """What a module's tests share: each gets copies, and its own changes are rolled back."""

    world: World
    people: dict[str, str]
    clients: dict[str, Client]
    signed_in_at: float


@pytest.fixture(scope="module")
def kept_world(django_db_setup: str, django_db_blocker: Any) -> Iterator[Kept]:
    """`world`, `people` and their sessions are made once for a module that names this fixture."""
    with keep_rows(django_db_blocker.unblock):
        with django_db_blocker.unblock():
            people = make_people()
            clients = {email: sign_in(email) for email in people.values()}
            kept = Kept(make_world(), people, clients, time.monotonic())
        yield kept


def find_kept(request: pytest.FixtureRequest) -> Kept | None:
    named = "kept_world" in request.fixturenames
    kept: Kept | None = request.getfixturevalue("kept_world") if named else None
    return kept


@pytest.fixture
def people(request: pytest.FixtureRequest, bootstrapped: None) -> dict[str, str]:
    """The e-mail address of a person of each role; all have PASSWORD."""
    kept = find_kept(request)
    return dict(kept.people) if kept else make_people()


def make_people() -> dict[str, str]:
    for role in Role:
        create_administrator(f"{role}@example.org", role=role, password=PASSWORD)
    return {role.value: f"{role}@example.org" for role in Role}


def sign_in(email: str) -> Client:
    client = Client()
    answer = client.post("/accounts/login/", {"login": email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return client


def find_client(request: pytest.FixtureRequest, email: str) -> Client:
    """The browser of a person who has signed in, lately."""
    kept = find_kept(request)
    if kept is None or time.monotonic() - kept.signed_in_at > FRESH_SECONDS:
        return sign_in(email)
    client = Client()
    client.cookies = deepcopy(kept.clients[email].cookies)
    return client


@pytest.fixture
def administrator(request: pytest.FixtureRequest, people: dict[str, str]) -> Client:
    return find_client(request, people["administrator"])


@pytest.fixture
def operator(request: pytest.FixtureRequest, people: dict[str, str]) -> Client:
    return find_client(request, people["operator"])


@pytest.fixture
def auditor(request: pytest.FixtureRequest, people: dict[str, str]) -> Client:
    return find_client(request, people["auditor"])


@pytest.fixture
def world(request: pytest.FixtureRequest, bootstrapped: None) -> World:
    kept = find_kept(request)
    return deepcopy(kept.world) if kept else make_world()


def make_world() -> World:
    group = create_group("Field crew", actor="tests")
    scep_profile = create_scep_profile(name="Corp", challenge_type="token", actor="tests")
    token = create_token(
        name="Spring intake",
        group=group,
        scep_profile=scep_profile,
        expires_at=timezone.now() + timedelta(days=7),
        max_uses=10,
        actor="tests",
    )
    policy = create_policy("Baseline", groups=[group], actor="tests")
    profile_item = add_profile_item(policy, data=PASSCODE_PROFILE, actor="tests")
    app_item = add_app_item(policy, name="Slack", itunes_store_id=618783545, actor="tests")
    device, enrollment = create_device("Corey’s iPhone", platform=Platform.IOS, group=group)
    mac, _ = create_device("Ray’s Mac", platform=Platform.MACOS, group=group)
    command = Command.objects.create(
        uuid="6c3f0f10-0000-4000-8000-000000000001",
        enrollment=enrollment,
        request_type="DeviceInformation",
        body=b"<plist/>",
        state=CommandState.QUEUED,
    )
    report_inventory(device)
    report_inventory(mac)
    count_software(now=timezone.now())
    entry = write_entry("token_expired", device_id=device.public_id, token=token)
    webhook = create_webhook(
        name="Help desk", url="https://help.example.com/secret", events=["log.error"], actor="tests"
    )[0]
    return World(
        group=group,
        device=device,
        mac=mac,
        enrollment=enrollment,
        command=command,
        secret=keep_secret(
            enrollment,
            kind="filevault_key",
            value="ABCD-EFGH-IJKL",
            confirmed_at=timezone.now(),
        ),
        policy=policy,
        profile_item=profile_item,
        app_item=app_item,
        package=upload_package(make_ipa()),
        scep_profile=scep_profile,
        token=token,
        invitation=add_invitation(token),
        entry=entry,
        session=open_session(
            token,
            platform="ios",
            user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)",
            remote_address="192.0.2.7",
            now=timezone.now(),
            is_on_page=True,
        ),
        certificate=create_certificate(device, scep_profile=scep_profile),
        held_request=hold_request(scep_profile, token=token),
        next_ca=prepare_authority(
            key_type="ec_p256", activates_at=None, actor="tests", now=timezone.now()
        ),
        retired_ra=retire_ra(),
        kiosk=start_kiosk(token, language="en", actor="tests", now=timezone.now())[0],
        software_title=SoftwareTitle.objects.get(identifier="com.tinyspeck.slackmacgap"),
        webhook=webhook,
        delivery=send_test(webhook, actor="tests"),
    )


def retire_ra() -> ServiceCertificate:
    """Rotate the registration authority; return the one before."""
    row = get_service_identity(ServicePurpose.SCEP_RA, issuer=get_issuing_ca()).row
    rotate_service_certificate(ServicePurpose.SCEP_RA, actor="tests", now=timezone.now())
    return ServiceCertificate.objects.get(pk=row.pk)


def report_inventory(device: Device) -> None:
    """As if the device had answered everything that it is asked."""
    is_mac = device.platform == Platform.MACOS
    Device.objects.filter(pk=device.pk).update(
        information={"OSVersion": "26.1", "TimeZone": "Europe/Zurich", "ActiveManagedUsers": []},
        information_reported_at=timezone.now(),
        os_version_number=2_600_010_000,
        is_supervised=is_mac,
        capacity=460.4,
        available_capacity=120.5,
        battery_level=0.87,
        security={"SecureBoot": {"SecureBootLevel": "full"}, "FDE_Enabled": False},
        security_reported_at=timezone.now(),
        filevault_enabled=False if is_mac else None,
        passcode_present=None if is_mac else True,
        users=[{"UserName": "ray", "FullName": "Ray", "UID": 501, "HasSecureToken": True}],
        users_reported_at=timezone.now(),
        certificates_reported_at=timezone.now(),
    )
    install(
        device,
        make_application("com.tinyspeck.slackmacgap", name="Slack", bundle_size=300 * 2**20),
        make_application("com.apple.mobilesafari", name="Safari", short_version="26.1"),
    )
    add_certificate(device, 1, subject="CN=Device,O=Example Corp", is_identity=True)
    device.refresh_from_db()


def add_invitation(token: EnrollmentToken) -> Invitation:
    people = [InvitedPerson("Ann Lee", "ann@example.com")]
    invite_people(token, people=people, language="en", send_mail=False, actor="tests")
    return Invitation.objects.get(token__parent=token)


def hold_request(
    scep_profile: ScepProfile, *, token: EnrollmentToken | None = None, **facts: Any
) -> HeldRequest:
    values: dict[str, Any] = {
        "transaction_id": f"TX{HeldRequest.objects.count()}",
        "common_name": "A device’s claim",
        "remote_address": "192.0.2.7",
        "token_id": token.jti if token else "",
    }
    return HeldRequest.objects.create(
        scep_profile=scep_profile, public_key_sha256="ab" * 32, **values | facts
    )


def create_certificate(
    device: Device | None = None, *, scep_profile: ScepProfile | None = None, **facts: Any
) -> IssuedCertificate:
    """Make the row of a certificate that a device has; the DER in it is the CA's own."""
    issuer, number = get_issuing_ca(), IssuedCertificate.objects.count() + 1
    values: dict[str, Any] = {
        "status": CertificateStatus.ISSUED,
        "serial": f"ab{number:06x}",
        "subject": f"CN=ses_{number},O=Example Corp",
        "fingerprint": f"{number:08x}" + "cd" * 28,
        "certificate": bytes(issuer.certificate),
        "not_before": timezone.now() - timedelta(days=100),
        "not_after": timezone.now() + timedelta(days=265),
    }
    return IssuedCertificate.objects.create(
        issuer=issuer,
        scep_profile=scep_profile,
        public_key_sha256="0" * 64,
        device_id=device.public_id if device else "",
        **values | facts,
    )


def create_device(
    name: str, *, platform: str, group: Group, status: str = DeviceStatus.ENROLLED
) -> tuple[Device, Enrollment]:
    number = Device.objects.count() + 1
    device = Device.objects.create(
        udid=f"00008120-{number:016X}",
        serial_number=f"SERIAL{number:04}",
        name=name,
        model_name="Mac" if platform == Platform.MACOS else "iPhone",
        platform=platform,
        os_version="26.1",
        owner="Corey Barnett",
        group=group,
        status=status,
        last_seen_at=timezone.now(),
        enrolled_at=timezone.now(),
    )
    enrollment = Enrollment.objects.create(
        device=device,
        state=EnrollmentState.LIVE,
        certificate_sha256=f"{number:064x}",
        certificate_not_after=timezone.now() + timedelta(days=100),
        topic="com.apple.mgmt.External.tests",
    )
    return device, enrollment
