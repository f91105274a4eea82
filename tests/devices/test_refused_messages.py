"""Refused messages in the enrollment log: bounded for strangers, there for a real device."""

import plistlib
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from enrollment.models import LogEntry
from enrollment.services import anomalies, refused_messages
from enrollment.services.anomalies import report_anomalies
from organization.services import rate_limit
from scep.services.issuance import revoke_certificate
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import CHECKIN, CONNECT, MdmDevice
from tests.devices.test_identity import make_stranger

ADDRESS = "203.0.113.9"
IDLE = plistlib.dumps({"Status": "Idle", "UDID": "U"})


@pytest.fixture
def device(make_device: MakeDevice) -> MdmDevice:
    device = make_device().enroll()
    LogEntry.objects.all().delete()
    return device


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three are told."""
    monkeypatch.setattr(refused_messages, "FIRST", 3)


def knock(device: MdmDevice, *, times: int, address: str = ADDRESS, signature: str = "") -> None:
    """Send what a stranger sends, to both doors in turn."""
    for number in range(times):
        path = (CHECKIN, CONNECT)[number % 2]
        headers = {"Mdm-Signature": signature}
        answer = device.client.put(path, IDLE, REMOTE_ADDR=address, headers=headers)
        assert answer.status_code == 403


def list_log(**about: Any) -> list[LogEntry]:
    return list(LogEntry.objects.filter(**about).order_by("id"))


@pytest.mark.parametrize(
    ("make_signature", "code"),
    [
        (lambda: "", "certificate_not_issued"),
        (lambda: "AAAA", "signature_invalid"),
        (lambda: make_stranger().sign(IDLE), "identity_not_trusted"),
    ],
)
def test_log_grows_by_the_first_and_by_doublings_when_a_stranger_floods(
    device: MdmDevice, make_signature: Callable[[], str], code: str
) -> None:
    knock(device, times=25, signature=make_signature())
    entries = list_log()
    assert [entry.detail.get("count") for entry in entries] == [None, None, 3, 6, 12, 24]
    assert {(entry.code, entry.remote_address) for entry in entries} == {(code, ADDRESS)}
    told = entries[0].message
    assert entries[-1].message.startswith(told)
    assert "24 within 10 minutes, the next entry is at 48" in entries[-1].message


def test_log_begins_anew_when_ten_minutes_are_over(
    device: MdmDevice, rate_limit_clock: SimpleNamespace
) -> None:
    knock(device, times=5)
    rate_limit_clock.now += 600
    knock(device, times=1)
    assert len(list_log()) == 4


def test_addresses_of_one_ipv6_site_are_one_sender(device: MdmDevice) -> None:
    for number in range(8):
        knock(device, times=1, address=f"2001:db8::{number + 1}")
    assert len(list_log()) == 4
    knock(device, times=1, address="2001:db8:0:1::1")
    assert len(list_log()) == 5


def test_dashboard_tells_how_many_there_were_when_most_are_only_counted(
    device: MdmDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anomalies, "MOST_ADDRESS_REFUSALS", 20)
    knock(device, times=25)
    now = timezone.now()
    assert report_anomalies(now=now) == 1
    [entry] = list_log(code="address_often_refused")
    assert f"{ADDRESS}: 24 refusals" in entry.message


def test_own_trouble_is_told_when_a_stranger_floods_from_the_devices_address(
    device: MdmDevice,
) -> None:
    knock(device, times=25, address="127.0.0.1")
    about: dict[str, Any] = {"device_id": device.row.public_id}
    assert device.put(CONNECT, b"<plist><dict>").status_code == 400
    assert device.put(CHECKIN, {"MessageType": "Nonsense", **device.names}).status_code == 400
    assert [entry.code for entry in list_log(**about)] == ["message_malformed", "message_unknown"]
    assert device.identity.row is not None
    revoke_certificate(device.identity.row, reason="superseded", now=timezone.now(), actor="tests")
    for _ in range(9):
        assert device.connect().status_code == 403
    codes = [entry.code for entry in list_log(**about) if entry.detail.get("path")]
    assert codes == ["message_malformed", "message_unknown", *["identity_revoked"] * 2]


def test_log_names_the_device_when_its_certificate_has_expired(device: MdmDevice) -> None:
    assert device.identity.row is not None
    end = device.identity.certificate.not_valid_after_utc
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezone, "now", lambda: end + timedelta(days=1))
        assert device.connect().status_code == 403
    [entry] = list_log()
    assert (entry.code, entry.device_id) == ("identity_not_trusted", device.row.public_id)


def test_good_message_asks_no_more_than_before(
    device: MdmDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One statement, and no cache."""
    device.answer_everything()

    def fail(*_: Any, **__: Any) -> int:
        raise AssertionError("the cache was asked")

    monkeypatch.setattr(rate_limit, "_count", fail)
    monkeypatch.setattr(rate_limit, "_read", fail)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert device.connect().status_code == 200
    assert len(queries) == 1


@pytest.mark.parametrize(
    ("length", "said", "status"),
    [
        ("5000", "the message broke off after 300 of 5000 bytes", 400),
        ("20000000", "20000000 bytes, at most", 413),
    ],
)
def test_a_message_that_was_cut_off_or_is_far_too_large_is_logged(
    device: MdmDevice, length: str, said: str, status: int
) -> None:
    for path in (CHECKIN, CONNECT):
        environ: dict[str, Any] = {"CONTENT_LENGTH": length, "wsgi.input": BytesIO(b"x" * 300)}
        answer = device.client.put(path, b"", REMOTE_ADDR=ADDRESS, **environ)
        assert answer.status_code == status
    entries = list_log()
    assert [entry.detail for entry in entries] == [{"path": CHECKIN}, {"path": CONNECT}]
    assert {(entry.code, entry.remote_address) for entry in entries} == {
        ("message_malformed", ADDRESS)
    }
    assert all(entry.message.startswith(said) for entry in entries)
