"""Every kind of check-in message: what it keeps, what it answers, and mistyped ones."""

import plistlib
from itertools import product
from typing import Any

import pytest
from django.db import connection

from devices.models import Command, Device, Enrollment
from tests.devices.conftest import MakeDevice, News
from tests.devices.mdm_device import CHECKIN, CONNECT, MdmDevice

TABLES = (Device, Enrollment, Command)


@pytest.fixture
def mac(make_device: MakeDevice) -> MdmDevice:
    return make_device(product="Mac14,2").enroll()


def check_in(device: MdmDevice, message_type: str, **more: Any) -> Any:
    return device.put(CHECKIN, device.message(message_type, **more))


def fetch(mac: MdmDevice) -> Any:
    answer = check_in(mac, "GetBootstrapToken")
    assert answer.status_code == 200
    return plistlib.loads(answer.content) if answer.content else None


def test_a_bootstrap_token_is_kept_sealed_and_given_back(mac: MdmDevice) -> None:
    assert fetch(mac) is None
    assert check_in(mac, "SetBootstrapToken", BootstrapToken=b"first").status_code == 200
    assert check_in(mac, "SetBootstrapToken", BootstrapToken=b"second").status_code == 200
    assert fetch(mac) == {"BootstrapToken": b"second"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT bootstrap_token FROM devices_enrollment")
        assert b"second" not in bytes(cursor.fetchone()[0])


@pytest.mark.parametrize("removal", [{}, {"BootstrapToken": b""}])
def test_only_set_bootstrap_token_itself_takes_the_token_back(
    mac: MdmDevice, removal: dict[str, Any]
) -> None:
    check_in(mac, "SetBootstrapToken", BootstrapToken=b"escrowed")
    mac.authenticate()
    mac.token_update(BootstrapToken=b"")
    assert fetch(mac) == {"BootstrapToken": b"escrowed"}
    assert check_in(mac, "SetBootstrapToken", **removal).status_code == 200
    assert fetch(mac) is None


@pytest.mark.parametrize("later", [{}, {"UnlockToken": b""}])
def test_an_unlock_token_is_not_lost(make_device: MakeDevice, later: dict[str, Any]) -> None:
    device = make_device()
    device.authenticate()
    device.token_update(UnlockToken=b"unlock")
    device.authenticate()
    device.token_update(**later)
    assert device.enrollment.unlock_token == b"unlock"
    device.token_update(UnlockToken=b"another")
    assert device.enrollment.unlock_token == b"another"


def test_a_new_certificate_inherits_no_secret(mac: MdmDevice, make_device: MakeDevice) -> None:
    check_in(mac, "SetBootstrapToken", BootstrapToken=b"escrowed")
    mac.token_update(UnlockToken=b"unlock", AwaitingConfiguration=True)
    new = make_device(udid=mac.udid, serial=mac.serial, product="Mac14,2").enroll()
    enrollment = new.enrollment
    assert (enrollment.unlock_token, enrollment.bootstrap_token) == (None, None)
    assert enrollment.awaiting_configuration is None
    assert fetch(new) is None
    old = mac.enrollment
    assert (old.unlock_token, old.bootstrap_token) == (None, None)


def test_a_bootstrap_token_of_an_ended_enrollment_is_refused(mac: MdmDevice) -> None:
    mac.check_out()
    assert check_in(mac, "SetBootstrapToken", BootstrapToken=b"late").status_code == 403
    assert check_in(mac, "GetBootstrapToken").status_code == 403
    assert mac.enrollment.bootstrap_token is None


def test_awaiting_configuration_is_kept_while_it_is_not_told(mac: MdmDevice) -> None:
    assert mac.enrollment.awaiting_configuration is None
    mac.token_update(AwaitingConfiguration=True)
    mac.token_update()
    assert mac.enrollment.awaiting_configuration is True
    mac.token_update(AwaitingConfiguration=False)
    assert mac.enrollment.awaiting_configuration is False


@pytest.mark.parametrize("service", ["com.apple.maid", "com.apple.watch.pairing", "com.example"])
def test_a_token_that_is_not_served_is_400_and_logged(
    mac: MdmDevice, news: News, service: str
) -> None:
    parameters = {"PhoneUDID": "P", "WatchUDID": "W", "SecurityToken": "S"}
    answer = check_in(mac, "GetToken", TokenServiceType=service, TokenParameters=parameters)
    assert answer.status_code == 400
    [refusal] = news["device_message_refused"]
    assert (refusal["code"], refusal["udid"]) == ("message_unknown", mac.udid)
    assert service in refusal["message"]
    assert "S" not in refusal["detail"].values()


def test_a_stranger_learns_nothing_of_tokens(make_device: MakeDevice) -> None:
    stranger = make_device()
    answer = check_in(stranger, "GetToken", TokenServiceType="com.apple.maid")
    assert answer.status_code == 403


def test_each_kind_is_taken_in_either_form_on_either_url(mac: MdmDevice) -> None:
    facts: dict[str, dict[str, Any]] = {
        "TokenUpdate": {"Token": mac.token, "PushMagic": mac.magic},
        "SetBootstrapToken": {"BootstrapToken": b"escrowed", "AwaitingConfiguration": False},
        "GetBootstrapToken": {},
        "DeclarativeManagement": {"Endpoint": "status", "Data": b"{}"},
    }
    forms = product(
        facts.items(),
        (plistlib.FMT_XML, plistlib.FMT_BINARY),
        (CHECKIN, CONNECT),
        ("application/xml", "text/plain", ""),
    )
    for (message_type, more), fmt, path, content_type in forms:
        body = plistlib.dumps(mac.message(message_type, **more), fmt=fmt)
        answer = mac.put(path, body, content_type=content_type)
        assert answer.status_code == 200, (message_type, fmt, path, content_type)


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("Authenticate", {"UDID": 7}),
    ("Authenticate", {"Topic": b"topic"}),
    ("Authenticate", {"SerialNumber": ["S"]}),
    ("Authenticate", {"SerialNumber": "x" * 65}),
    ("Authenticate", {"DeviceName": {"a": "b"}}),
    ("TokenUpdate", {"Token": b""}),
    ("TokenUpdate", {"Token": bytes(300)}),
    ("TokenUpdate", {"PushMagic": 7}),
    ("TokenUpdate", {"PushMagic": "x" * 2000}),
    ("TokenUpdate", {"UnlockToken": "text"}),
    ("TokenUpdate", {"UnlockToken": bytes(70_000)}),
    ("TokenUpdate", {"AwaitingConfiguration": "true"}),
    ("CheckOut", {"UDID": ""}),
    ("CheckOut", {"EnrollmentID": "E"}),
    ("SetBootstrapToken", {"BootstrapToken": "text"}),
    ("SetBootstrapToken", {"BootstrapToken": bytes(70_000)}),
    ("SetBootstrapToken", {"AwaitingConfiguration": 0}),
    ("GetBootstrapToken", {"UDID": True}),
    ("GetBootstrapToken", {"AwaitingConfiguration": "no"}),
    ("GetToken", {}),
    ("GetToken", {"TokenServiceType": 7}),
    ("GetToken", {"TokenServiceType": "com.apple.maid", "TokenParameters": "text"}),
    ("DeclarativeManagement", {}),
    ("DeclarativeManagement", {"Endpoint": b"tokens"}),
    ("UserAuthenticate", {"DigestResponse": ""}),
]


def test_a_mistyped_message_is_400_logged_and_touches_nothing(mac: MdmDevice, news: News) -> None:
    before = [list(table.objects.values()) for table in TABLES]
    for message_type, change in WRONG:
        is_update = message_type == "TokenUpdate"
        right = {"Token": mac.token, "PushMagic": mac.magic} if is_update else {}
        answer = check_in(mac, message_type, **(right | change))
        assert answer.status_code == 400, (message_type, change)
        refusal = news["device_message_refused"].pop()
        assert refusal["code"] == "message_malformed"
        assert refusal["message"]
    assert [list(table.objects.values()) for table in TABLES] == before
