"""Enrollment sessions by program: what a device said of itself, and who waits for approval."""

from datetime import timedelta

import pytest
from django.utils import timezone

from enrollment.models import EnrollmentSession, ReportedDevice
from tests.rest.conftest import Program, Sample

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_sample")]
SESSIONS = "enrollment/sessions"


def test_session_tells_what_its_device_said_when_it_was_identified(
    auditor: Program, sample: Sample
) -> None:
    path = f"{SESSIONS}/{sample.session.public_id}"
    assert auditor.get(path).json()["reported_device"] is None
    ReportedDevice.objects.create(
        session=sample.session,
        udid="00008130-0011",
        serial_number="C02XYZ",
        imei="35 123456 123456 7",
        product="iPhone16,1",
        build_version="22B83",
        certificate_sha256="ab" * 32,
    )
    told = auditor.get(path).json()["reported_device"]
    assert (told["udid"], told["serial_number"], told["product"]) == (
        "00008130-0011",
        "C02XYZ",
        "iPhone16,1",
    )
    assert "certificate_sha256" not in told


@pytest.mark.parametrize(("action", "state"), [("approve", "approved"), ("reject", "rejected")])
def test_waiting_session_is_decided_once_when_asked(
    administrator: Program, sample: Sample, action: str, state: str
) -> None:
    path = f"{SESSIONS}/{sample.session.public_id}"
    assert administrator.post(f"{path}/{action}").json()["code"] == "session_decided"
    later = timezone.now() + timedelta(hours=1)
    EnrollmentSession.objects.filter(pk=sample.session.pk).update(
        approval="pending", expires_at=later
    )
    (waiting,) = administrator.get(SESSIONS, approval="pending").json()["results"]
    assert waiting["id"] == sample.session.public_id
    row = administrator.post(f"{path}/{action}").json()
    assert (row["approval"], row["decided_by"]) == (state, "key:administrator program")
    again = administrator.post(f"{path}/approve")
    assert (again.status_code, again.json()["code"]) == (409, "session_decided")
