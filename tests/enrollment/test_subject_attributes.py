"""The port that SCEP asks whom a certificate is for."""

import pytest
from django.utils import timezone

from devices.models import Device, Group
from enrollment.models import EnrollmentSession
from enrollment.services.subject_attributes import describe_session
from scep.protocol.subject_template import SubjectAttributes
from tests.enrollment.conftest import MakeSession, MakeToken

pytestmark = pytest.mark.django_db


def test_session_and_token_are_described_when_no_device_has_come_yet(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    session = make_session(make_token(), platform="macos")
    token = session.token
    assert describe_session(session.public_id, token_id="") == SubjectAttributes(
        platform="macos",
        group=token.group_name,
        token=token.name,
        session=session.public_id,
        organization=token.organization.name,
    )


def test_owner_is_the_sessions_person_when_no_device_has_come_yet(
    make_session: MakeSession,
) -> None:
    session = make_session()
    EnrollmentSession.objects.update(person_name="Ann Lee", person_email="ann@example.com")
    assert describe_session(session.public_id, token_id="").owner == "ann@example.com"


def test_device_is_described_when_the_session_has_enrolled_it(
    make_token: MakeToken, make_session: MakeSession
) -> None:
    """Its own group and owner count, which an administrator may have changed since."""
    session = make_session(make_token())
    device = Device.objects.create(
        udid="U-1",
        serial_number="C02",
        platform="ipados",
        owner="ann@example.com",
        group=Group.objects.create(name="Sales"),
        last_seen_at=timezone.now(),
    )
    EnrollmentSession.objects.filter(pk=session.pk).update(device_id=device.public_id)
    found = describe_session(session.public_id, token_id="")
    assert (found.serial, found.udid, found.platform) == ("C02", "U-1", "ipados")
    assert (found.group, found.owner, found.token) == (
        "Sales",
        "ann@example.com",
        session.token.name,
    )


def test_token_is_described_when_the_challenge_was_the_bare_token(make_token: MakeToken) -> None:
    token = make_token()
    found = describe_session("", token_id=token.jti)
    assert (found.session, found.token, found.group) == ("", token.name, token.group_name)


def test_only_the_organization_is_described_when_nothing_else_is_known(bootstrapped: None) -> None:
    unknown = "ses_" + "x" * 20
    assert describe_session(unknown, token_id="no-such-token") == SubjectAttributes(
        session=unknown, organization="Example Org"
    )
