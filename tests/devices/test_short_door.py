"""A device's message on the shorter way, which spares Django's request, and on the usual one."""

import plistlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import OperationalError
from django.test import RequestFactory

from devices.services.queue import enqueue
from guardmdm.machine_door import MachineDoor
from tests.devices.conftest import News
from tests.devices.mdm_device import CHECKIN, CONNECT, MdmDevice

# Both ways close connections that are in a transaction, as one of the tests would be.
pytestmark = pytest.mark.django_db(transaction=True)
Said = tuple[str, list[tuple[str, str]], bytes]


def refuse(environ: dict[str, Any], _start: Any) -> Any:
    pytest.fail(f"{environ['PATH_INFO']} went to Django's handler")


@pytest.fixture(scope="module")
def ways() -> dict[str, Any]:
    return {"shorter": MachineDoor(refuse), "usual": WSGIHandler()}


def send(application: Any, device: MdmDevice, path: str, message: Any, **options: Any) -> Said:
    body = message if isinstance(message, bytes) else plistlib.dumps(message)
    signature = options.pop("signature", device.identity.sign(body))
    request = RequestFactory().generic(
        options.pop("method", "PUT"), path, body, "application/x-apple-aspen-mdm"
    )
    environ = {**request.environ, "HTTP_MDM_SIGNATURE": signature, **options}
    said: list[Any] = []
    answer = application(environ, lambda status, headers: said.append((status, headers)))
    content = b"".join(answer)
    getattr(answer, "close", int)()
    ((status, headers),) = said
    return status, sorted(headers), content


def list_messages(device: MdmDevice) -> Iterator[tuple[str, str, Any, dict[str, Any]]]:
    """Yield what a message is for, its path, itself, and what else is said with it."""
    idle = {"Status": "Idle", **device.names}
    body = plistlib.dumps(idle)
    token = device.message("TokenUpdate", Token=device.token, PushMagic=device.magic)
    user = idle | {"UserID": "7", "UserShortName": "anna"}
    items = device.message("DeclarativeManagement", Endpoint="declaration/activation/none")
    yield "Idle", CONNECT, idle, {}
    yield "TokenUpdate", CHECKIN, token, {}
    yield "a result", CONNECT, idle | {"Status": "Acknowledged", "CommandUUID": "none"}, {}
    yield "a user's Idle", CONNECT, user, {}
    yield "a user that is declined", CHECKIN, device.message("UserAuthenticate", UserID="7"), {}
    yield "no declaration", CHECKIN, items, {}
    yield "another device's", CONNECT, idle | {"UDID": "another"}, {}
    yield "no signature", CONNECT, body, {"signature": ""}
    yield "no base64", CONNECT, body, {"signature": "\xe4"}
    yield "another's signature", CONNECT, body, {"signature": device.identity.sign(b"other")}
    yield "no list", CONNECT, b"nonsense", {}
    yield "nothing", CONNECT, b"", {}
    yield "no length", CONNECT, body, {"CONTENT_LENGTH": ""}
    yield "an odd length", CONNECT, body, {"CONTENT_LENGTH": "\xb2"}
    yield "too long", CONNECT, body, {"CONTENT_LENGTH": str(11 * 2**20)}
    yield "a challenge", f"{CHECKIN}?challenge=of%20its%20own", b"nonsense", {}
    yield "GET", CONNECT, b"", {"method": "GET"}
    yield "put", CONNECT, body, {"REQUEST_METHOD": "put"}
    yield "an agent", CONNECT, b"no", {"HTTP_USER_AGENT": "mdm", "REMOTE_ADDR": "192.0.2.7"}


def test_both_ways_answer_and_tell_the_same(
    phone: MdmDevice, news: News, ways: dict[str, Any]
) -> None:
    statuses = set()
    for name, path, message, options in list_messages(phone):
        said, told = {}, {}
        for way, application in ways.items():
            news.clear()
            said[way] = send(application, phone, path, message, **options)
            told[way] = [
                (each["code"], each["message"], each["detail"], each["caller"], each["challenge"])
                for each in news["device_message_refused"]
            ]
        assert said["shorter"] == said["usual"], name
        assert told["shorter"] == told["usual"], name
        statuses.add(said["usual"][0][:3])
    assert statuses == {"200", "400", "403", "404", "405", "410", "413"}


def test_both_ways_hand_out_a_command(phone: MdmDevice, ways: dict[str, Any]) -> None:
    for application in ways.values():
        command = enqueue(phone.enrollment, command={"RequestType": "RestartDevice"})
        status, headers, body = send(application, phone, CONNECT, phone.names | {"Status": "Idle"})
        assert status == "200 OK"
        assert plistlib.loads(body)["CommandUUID"] == command.uuid
        assert ("Content-Length", str(len(body))) in headers
        phone.take("Acknowledged", command.uuid)


@pytest.mark.parametrize("error", [OperationalError("gone"), ZeroDivisionError("a defect")])
def test_both_ways_answer_alike_when_something_fails(
    phone: MdmDevice,
    ways: dict[str, Any],
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("devices.views.receive_report", fail)
    said = [
        send(application, phone, CONNECT, phone.names | {"Status": "Idle"})
        for application in ways.values()
    ]
    assert said[0] == said[1]
    assert said[0][0][:3] == ("503" if isinstance(error, OperationalError) else "500")
    assert caplog.text.count(str(error)) == 2
