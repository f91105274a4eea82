"""The usual TokenUpdate by one statement: what it stores, what it leaves to the ordinary way."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import Device, Enrollment
from devices.services import known_sender
from devices.services.status import GONE
from scep.services.issuance import revoke_certificate
from tests.devices.mdm_device import MdmDevice

HOUR = timedelta(hours=1)


@pytest.fixture(params=["one statement", "ordinary way"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same message once by each way: nothing may differ."""
    if request.param == "ordinary way":
        monkeypatch.setattr(known_sender, "find_familiar_issuer", lambda proof, *, now: None)
        monkeypatch.setattr("devices.views.find_familiar_issuer", lambda proof, *, now: None)
    return str(request.param)


def update(phone: MdmDevice, **more: Any) -> int:
    phone.token, phone.magic = b"\x07" * 32, "NEW"
    return phone.token_update(**more).status_code


def test_a_token_update_of_a_known_device_is_one_statement(phone: MdmDevice) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert update(phone) == 200
    assert len(queries) == 1
    assert phone.enrollment.push_token == b"\x07" * 32


def test_both_ways_store_the_same(phone: MdmDevice, way: str) -> None:
    before, past = phone.enrollment, timezone.now() - HOUR
    Enrollment.objects.update(
        push_attempts=3,
        push_error="config",
        push_not_before=past,
        push_requested_at=past,
        token_updated_at=past,
        updated_at=past,
        last_seen_at=past,
    )
    assert update(phone) == 200
    after = phone.enrollment
    assert (after.push_token, after.push_magic) == (b"\x07" * 32, b"NEW")
    assert after.token_update_count == before.token_update_count + 1
    assert (after.push_attempts, after.push_error, after.push_not_before) == (0, "", None)
    assert after.push_requested_at == past
    assert after.token_updated_at is not None
    assert after.last_seen_at is not None
    assert min(after.token_updated_at, after.updated_at, after.last_seen_at) > past


@pytest.mark.parametrize("told", [True, False])
def test_both_ways_keep_what_is_not_told(phone: MdmDevice, way: str, told: bool) -> None:
    assert update(phone, UnlockToken=b"unlock", AwaitingConfiguration=told) == 200
    assert update(phone) == 200
    assert phone.enrollment.unlock_token == b"unlock"
    assert phone.enrollment.awaiting_configuration is told
    assert update(phone, AwaitingConfiguration=not told) == 200
    assert phone.enrollment.awaiting_configuration is not told


def test_both_ways_bring_a_device_back_whose_token_was_dead(phone: MdmDevice, way: str) -> None:
    now = timezone.now()
    Enrollment.objects.update(push_suspended_at=now, push_requested_at=now)
    Device.objects.update(status="unenrolled", status_reason=GONE)
    assert update(phone) == 200
    enrollment = phone.enrollment
    assert (enrollment.push_suspended_at, enrollment.push_requested_at) == (None, None)
    assert phone.row.status == "enrolled"


def test_both_ways_bring_back_a_device_that_was_given_up(phone: MdmDevice, way: str) -> None:
    Device.objects.update(status="unenrolled", status_reason=GONE)
    assert update(phone) == 200
    assert phone.row.status == "enrolled"


@pytest.mark.parametrize("state", ["superseded", "checked_out", "removed"])
def test_both_ways_refuse_an_enrollment_that_is_over(
    phone: MdmDevice, way: str, state: str
) -> None:
    Enrollment.objects.update(state=state)
    before = phone.enrollment.push_token
    assert update(phone) == 403
    assert phone.enrollment.push_token == before


def test_both_ways_refuse_a_revoked_identity(phone: MdmDevice, way: str) -> None:
    assert phone.identity.row is not None
    revoke_certificate(phone.identity.row, reason="key_compromise", now=timezone.now())
    assert update(phone) == 403
