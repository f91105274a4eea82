"""A token that lets in listed serial numbers only."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Device
from enrollment.errors import TokenInvalid
from enrollment.models import EnrollmentSession, EnrollmentToken, LogEntry
from enrollment.protocol.serial_numbers import (
    MOST_SERIALS,
    check_serial_numbers,
    split_serial_numbers,
)
from enrollment.services.allow_list import list_allowed_serials
from enrollment.services.child_tokens import create_child_token
from enrollment.services.token_texts import build_enrollment_url
from scep.models import IssuedCertificate
from tests.enrollment.conftest import MakeToken
from tests.enrollment.profile_service.device import make_device
from tests.simulator.errors import SimulationFailure
from tests.simulator.factory import make_authority

pytestmark = pytest.mark.django_db
FACTORY = make_authority()
TOO_MANY = [f"S{number}" for number in range(MOST_SERIALS + 1)]


@pytest.fixture(autouse=True)
def trusted(settings: Any, tmp_path: Path) -> None:
    path = tmp_path / "device-ca.pem"
    path.write_bytes(FACTORY.ca_pem)
    settings.DEVICE_CA = str(path)


def enroll_refused(token: EnrollmentToken, *, step: str) -> None:
    device = make_device(FACTORY)
    with pytest.raises(SimulationFailure) as caught:
        device.enroll(build_enrollment_url(token))
    assert (caught.value.step, caught.value.status) == (step, 403)
    session = EnrollmentSession.objects.order_by("id").last()
    entry = LogEntry.objects.order_by("id").last()
    assert session is not None
    assert entry is not None
    assert (session.failure_code, entry.code) == ("serial_not_allowed", "serial_not_allowed")
    assert device.serial in entry.message
    state = device.http.get(
        f"http://127.0.0.1:8000/enroll/sessions/{session.public_id}",
        headers={"Accept": "application/json"},
    ).json()
    assert (state["state"], state["text"]) == ("failed", "This device is not on the list")
    assert not Device.objects.filter(udid=device.udid).exists()
    token.refresh_from_db()
    assert token.use_count == 0


@pytest.mark.parametrize("first", [True, False])
def test_device_enrolls_when_its_serial_number_is_on_the_list(
    make_token: MakeToken, first: bool
) -> None:
    device = make_device(FACTORY)
    listed = ["C02XYZ", device.serial.lower()]
    token = make_token(allowed_serials=listed, profile_service=first)
    device.enroll(build_enrollment_url(token))
    assert device.is_enrolled


def test_device_is_refused_at_authenticate_when_it_is_not_on_the_list(
    make_token: MakeToken,
) -> None:
    enroll_refused(make_token(allowed_serials=["C02XYZ"]), step="authenticate")


def test_device_gets_no_certificate_when_it_tells_its_serial_number_first(
    make_token: MakeToken,
) -> None:
    token = make_token(allowed_serials=["C02XYZ"], profile_service=True)
    enroll_refused(token, step="identify")
    assert not IssuedCertificate.objects.exists()


def test_list_is_the_parents_when_a_token_is_made_from_another(make_token: MakeToken) -> None:
    parent, now = make_token(allowed_serials=["C02XYZ"]), timezone.now()
    child = create_child_token(
        parent, name="One", expires_at=now + timedelta(hours=1), actor="tests", now=now
    )
    assert list_allowed_serials(child) == ["C02XYZ"]
    enroll_refused(child, step="authenticate")


def test_nobody_is_let_in_when_the_rows_of_a_list_are_gone(make_token: MakeToken) -> None:
    token = make_token(allowed_serials=["C02XYZ"])
    token.allowed_serials.all().delete()
    enroll_refused(token, step="authenticate")


def test_pasted_list_is_read_whatever_stands_between() -> None:
    pasted = "c02xyz\r\n F2LX1234 ,DMPX;VMab/c+1=\n\nC02XYZ".replace("=", "")
    assert check_serial_numbers(split_serial_numbers(pasted)) == [
        "C02XYZ",
        "F2LX1234",
        "DMPX",
        "VMAB/C+1",
    ]


@pytest.mark.parametrize(
    "texts",
    [
        [""],
        ["a b"],
        ["C02\0"],
        ["=cmd()"],
        ["A" * 65],
        ["ü"],
        TOO_MANY,
    ],
)
def test_list_is_refused_when_something_in_it_is_no_serial_number(texts: list[str]) -> None:
    with pytest.raises(TokenInvalid):
        check_serial_numbers(texts)
