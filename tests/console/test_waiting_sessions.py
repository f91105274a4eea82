"""Enrollment › OTA › Waiting for approval."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from enrollment.models import EnrollmentSession, EnrollmentToken, ReportedDevice
from enrollment.services.sessions import open_session
from tests.console.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_world")]
LIST = "/console/enrollment/ota/waiting/"


@pytest.fixture
def session(world: World) -> EnrollmentSession:
    EnrollmentToken.objects.update(hold_for_approval=True, scep_profile=None)
    now = timezone.now()
    token = EnrollmentToken.objects.get(name="Spring intake", parent=None)
    return open_session(token, platform="ios", user_agent="x", remote_address="192.0.2.9", now=now)


def test_a_session_that_waits_is_listed_and_told_on_the_dashboard(
    session: EnrollmentSession, auditor: Client
) -> None:
    page = auditor.get(LIST).content.decode()
    for text in (session.public_id, ">iOS, ", "Spring intake", "192.0.2.9"):
        assert text in page
    assert "1 person waits for approval" in auditor.get("/console/").content.decode()
    assert "/approve" not in page


@pytest.mark.parametrize(("action", "state"), [("approve", "approved"), ("reject", "rejected")])
def test_a_session_is_decided_once(
    action: str, state: str, session: EnrollmentSession, administrator: Client
) -> None:
    url = f"{LIST}{session.public_id}"
    administrator.get(f"{url}/{action}")
    session.refresh_from_db()
    assert session.approval == "pending"
    administrator.post(f"{url}/{action}")
    session.refresh_from_db()
    assert (session.approval, session.decided_by) == (state, "administrator@example.org")
    page = administrator.post(f"{url}/approve", follow=True).content.decode()
    assert "does not wait for approval" in page
    assert "Nobody waits for approval" in page


def test_a_sessions_page_tells_its_device_and_decides(
    session: EnrollmentSession, administrator: Client, auditor: Client
) -> None:
    ReportedDevice.objects.create(
        session=session, udid="00008130-0011", serial_number="C02XYZ", product="iPhone16,1",
        certificate_sha256="ab" * 32,
    )  # fmt: skip
    path = f"/console/enrollment/sessions/{session.public_id}"
    page = administrator.get(path).content.decode()
    for text in ("iPhone16,1 · C02XYZ", "00008130-0011", "Not approved yet", f"{LIST}"):
        assert text in page
    assert f"{session.public_id}/approve" not in auditor.get(path).content.decode()


def test_a_session_is_listed_no_more_when_its_day_is_over(
    session: EnrollmentSession, auditor: Client
) -> None:
    EnrollmentSession.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    assert session.public_id not in auditor.get(LIST).content.decode()


def test_a_request_for_a_certificate_names_the_device_that_was_identified(
    world: World, session: EnrollmentSession, auditor: Client
) -> None:
    world.held_request.session_id = session.public_id
    world.held_request.save()
    ReportedDevice.objects.create(
        session=session, udid="U", serial_number="C02XYZ", product="iPhone16,1",
        certificate_sha256="ab" * 32,
    )  # fmt: skip
    page = auditor.get("/console/system/certificates/requests/").content.decode()
    assert "iPhone16,1 C02XYZ" in page
