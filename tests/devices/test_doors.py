"""400, 413 and 503 on the devices' doors: D7, R4."""

import plistlib
from typing import Any

import pytest
from django.db import DataError, Error, OperationalError, connection

from devices.models import Command, Device, Enrollment
from devices.services.queue import enqueue
from organization.protocol.sealing import decode_key_ring, generate_key
from tests.devices.conftest import MakeDevice, News
from tests.devices.mdm_device import CHECKIN, CONNECT

RECURSIVE = b"bplist00\xa1\x00" + b"\x08" + bytes(6) + b"\x01\x01" + bytes(7) + b"\x01" + bytes(15)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"<?xml version='1.0'?><plist><array/></plist>",
        b"<?xml version='1.0'?><!DOCTYPE plist [<!ENTITY a 'b'>]><plist><dict/></plist>",
        b"bplist00" + bytes(40),
        RECURSIVE + b"\x0a",
        plistlib.dumps({"a": plistlib.UID(3)}, fmt=plistlib.FMT_BINARY),
        plistlib.dumps({"neither": "nor"}),
        plistlib.dumps({"MessageType": 7}),
        plistlib.dumps({"MessageType": "Authenticate"}),
        plistlib.dumps({"Status": "Idle"}),
        plistlib.dumps({"Status": "Splendid", "UDID": "U"}),
    ],
)
@pytest.mark.parametrize("path", [CHECKIN, CONNECT])
def test_a_message_that_makes_no_sense_is_400_and_logged(
    make_device: MakeDevice, news: News, path: str, body: bytes
) -> None:
    response = make_device().put(path, body)
    assert response.status_code == 400
    [refusal] = news["device_message_refused"]
    assert refusal["code"] == "message_malformed"
    assert refusal["message"]


@pytest.mark.parametrize(
    "message",
    [
        {"MessageType": "DeclarativeManagement", "UDID": "U", "Endpoint": "x"},
        {"MessageType": "__init__", "UDID": "U"},
        {"MessageType": "ReturnToService", "UDID": "U"},
    ],
)
@pytest.mark.parametrize("path", [CHECKIN, CONNECT])
def test_a_message_of_no_kind_that_is_served_is_400_and_logged(
    make_device: MakeDevice, news: News, path: str, message: dict[str, Any]
) -> None:
    assert make_device().put(path, message).status_code == 400
    [refusal] = news["device_message_refused"]
    assert refusal["code"] == "message_unknown"


@pytest.mark.parametrize("path", [CHECKIN, CONNECT])
def test_a_checkin_with_nul_is_refused_whatever_its_url(make_device: MakeDevice, path: str) -> None:
    device = make_device()
    wide = plistlib.dumps(device.message("Authenticate", DeviceName="a😀"), fmt=plistlib.FMT_BINARY)
    body = wide.replace("a😀".encode("utf-16-be"), "a\0\0".encode("utf-16-be"))
    assert body != wide
    assert device.put(f"{path}?challenge=group-{device.group.pk}", body).status_code == 400
    assert not Device.objects.filter(udid=device.udid).exists()


@pytest.mark.parametrize(("path", "limit"), [(CHECKIN, 2**20), (CONNECT, 10 * 2**20)])
def test_a_message_above_the_limit_is_413(
    make_device: MakeDevice, news: News, path: str, limit: int
) -> None:
    device = make_device()
    assert device.put(path, b" " * limit, signature="").status_code == 403
    assert device.put(path, b" " * (limit + 1), signature="").status_code == 413
    assert [refusal["code"] for refusal in news["device_message_refused"]] == [
        "certificate_not_issued",
        "message_malformed",
    ]


def test_an_answer_larger_than_djangos_usual_limit_is_taken(make_device: MakeDevice) -> None:
    device = make_device().enroll()
    enrollment = device.enrollment
    Command.objects.all().delete()
    enqueue(enrollment, command={"RequestType": "AvailableOSUpdates"})
    command = device.take()
    assert command is not None
    updates = [{"Name": "x" * 400, "ProductKey": f"com.example.{n}"} for n in range(9000)]
    device.take("Acknowledged", command["CommandUUID"], AvailableOSUpdates=updates)
    stored = Command.objects.get(uuid=command["CommandUUID"])
    assert stored.state == "acknowledged"
    assert stored.result["AvailableOSUpdates"][:500] == updates[:500]


@pytest.mark.parametrize(
    "content_type", ["application/xml", "text/plain", "", "multipart/form-data"]
)
def test_the_content_type_does_not_matter(make_device: MakeDevice, content_type: str) -> None:
    device = make_device().enroll()
    idle = {"Status": "Idle", "UDID": device.udid}
    assert device.put(CONNECT, idle, content_type=content_type).status_code == 200


def test_one_url_serves_both_kinds_of_message(make_device: MakeDevice) -> None:
    device = make_device()
    assert device.authenticate().status_code == 200
    update = device.message("TokenUpdate", Token=device.token, PushMagic=device.magic)
    assert device.put(CONNECT, update).status_code == 200
    answer = device.put(CHECKIN, {"Status": "Idle", "UDID": device.udid})
    assert plistlib.loads(answer.content)["Command"]["RequestType"] == "DeviceInformation"


@pytest.mark.parametrize("step", ["authenticate", "token_update", "connect"])
def test_a_device_is_told_to_come_back_when_the_database_is_down(
    make_device: MakeDevice, step: str
) -> None:
    device = make_device()
    if step == "connect":
        device.enroll()

    def fail(*_: Any) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    if step == "token_update":
        device.authenticate()
    with connection.execute_wrapper(fail):
        response = getattr(device, step)()
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("error", "is_told_in_full"), [(OperationalError("gone"), False), (DataError("odd"), True)]
)
def test_a_fleet_fills_no_log_when_the_database_is_down(
    make_device: MakeDevice, caplog: pytest.LogCaptureFixture, error: Error, is_told_in_full: bool
) -> None:
    def fail(*_: Any) -> None:
        raise error

    device = make_device()
    with connection.execute_wrapper(fail):
        assert device.connect().status_code == 503
    [line] = [record for record in caplog.records if record.name == "devices.views"]
    assert str(error) in line.getMessage()
    assert bool(line.exc_info) is is_told_in_full


def test_no_half_device_is_left_when_the_database_fails_in_the_middle(
    make_device: MakeDevice,
) -> None:
    device = make_device()

    def fail_on_enrollment(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith('INSERT INTO "devices_enrollment"'):
            raise OperationalError("disk I/O error")
        return execute(sql, *rest)

    with connection.execute_wrapper(fail_on_enrollment):
        assert device.authenticate().status_code == 503
    assert not Device.objects.filter(udid=device.udid).exists()
    assert not Enrollment.objects.exists()
    assert device.authenticate().status_code == 200


def test_enrolling_and_commands_go_on_when_the_broker_is_down(
    make_device: MakeDevice,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    from kombu.exceptions import OperationalError as BrokerDown

    from devices.tasks import send_requested_pushes

    tries: list[bool] = []

    def fail() -> None:
        tries.append(True)
        raise (BrokerDown if len(tries) == 1 else ConnectionRefusedError)("no broker")

    monkeypatch.setattr(send_requested_pushes, "delay", fail)
    with django_capture_on_commit_callbacks(execute=True):
        device = make_device().enroll()
    asked = len(tries)
    assert asked >= 1
    with django_capture_on_commit_callbacks(execute=True):
        enqueue(device.enrollment, command={"RequestType": "RestartDevice"})
    assert len(tries) == asked + 1
    assert device.answer_everything() == [
        "DeviceInformation",
        "SecurityInfo",
        "ProfileList",
        "RestartDevice",
    ]


def test_a_device_is_told_to_come_back_when_no_key_opens_its_command(
    make_device: MakeDevice, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    device = make_device().enroll()
    settings.GUARDMDM_KEY_RING = decode_key_ring(generate_key())
    response = device.connect()
    assert (response.status_code, response["Retry-After"]) == (503, "60")
    [line] = [each for each in caplog.records if each.name == "devices.views"]
    assert "no key in GUARDMDM_ENCRYPTION_KEYS" in line.getMessage()
    assert not line.exc_info
