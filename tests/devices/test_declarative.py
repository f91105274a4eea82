"""DeclarativeManagement over the check-in URL, while there are no declarations (CHK 11)."""

import json
from typing import Any

import pytest

from devices.models import Device, Enrollment, StatusReport
from tests.devices.conftest import MakeDevice, News
from tests.devices.mdm_device import CHECKIN, MdmDevice
from tests.devices.mdm_user import MdmUser


@pytest.fixture
def device(make_device: MakeDevice) -> MdmDevice:
    return make_device().enroll()


def ask(device: MdmDevice, endpoint: str, **more: Any) -> Any:
    message = device.message("DeclarativeManagement", Endpoint=endpoint, **more)
    return device.put(CHECKIN, message)


def report(device: MdmDevice, items: dict[str, Any], **more: Any) -> None:
    data = json.dumps({"StatusItems": items, "Errors": [], **more}).encode()
    answer = ask(device, "status", Data=data)
    assert (answer.status_code, answer.content) == (200, b"")


def test_tokens_and_manifest_are_json_and_stay_the_same(device: MdmDevice) -> None:
    tokens, items = ask(device, "tokens"), ask(device, "declaration-items")
    for answer in (tokens, items):
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert ask(device, "tokens").content == tokens.content
    token = tokens.json()["SyncTokens"]["DeclarationsToken"]
    assert items.json() == {
        "Declarations": {"Activations": [], "Assets": [], "Configurations": [], "Management": []},
        "DeclarationsToken": token,
    }


def test_a_declaration_that_does_not_exist_is_404(device: MdmDevice, news: News) -> None:
    answer = ask(device, "declaration/configuration/com.example.passcode")
    assert answer.status_code == 404
    assert not news["device_message_refused"]


def test_reports_are_merged_into_what_is_known(device: MdmDevice) -> None:
    report(device, {"device": {"operating-system": {"version": "18.1"}, "model": {"family": "x"}}})
    report(device, {"device": {"operating-system": {"version": "18.2"}}}, Errors=[{"Reasons": []}])
    row = StatusReport.objects.get(enrollment=device.enrollment)
    assert row.items == {
        "device": {"operating-system": {"version": "18.2"}, "model": {"family": "x"}}
    }
    assert row.errors == [{"Reasons": []}]
    report(device, {"device": {"model": {"family": "y"}}}, FullReport=True)
    row.refresh_from_db()
    assert row.items == {"device": {"model": {"family": "y"}}}
    assert row.errors == []


def test_what_an_item_no_longer_says_is_forgotten(device: MdmDevice) -> None:
    """A dictionary that is an item's value is told whole, and so are its arrays."""
    failed = {"count": 2, "reason": "InstallFailed", "timestamp": "2026-01-02T03:04:05Z"}
    gone = {"identifier": "com.example.gone", "server-token": "1", "active": True}
    stays = {"identifier": "com.example.stays", "server-token": "2", "active": True}
    report(
        device,
        {
            "softwareupdate": {"failure-reason": failed, "install-state": "failed"},
            "management": {"declarations": {"configurations": [gone, stays], "assets": [gone]}},
        },
    )
    report(
        device,
        {
            "softwareupdate": {"failure-reason": {"count": 0}},
            "management": {"declarations": {"configurations": [stays], "assets": []}},
        },
    )
    assert StatusReport.objects.get().items == {
        "softwareupdate": {"failure-reason": {"count": 0}, "install-state": "failed"},
        "management": {"declarations": {"configurations": [stays], "assets": []}},
    }


def test_what_has_grown_too_large_is_forgotten(
    device: MdmDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.services.declarative.LARGEST", 200)
    for number in range(5):
        report(device, {f"item{number}": "x" * 60})
    row = StatusReport.objects.get()
    assert list(row.items)[-1] == "item4"
    assert len(json.dumps(row.items)) <= 200


def test_a_users_report_is_kept_apart(make_device: MakeDevice, settings: Any) -> None:
    settings.MDM_USER_CHANNEL = True
    mac = make_device(product="Mac14,2").enroll()
    report(mac, {"of": "the device"})
    user = MdmUser(mac)
    users = {"Endpoint": "status", "Data": b'{"StatusItems": {"of": "anna"}}'}
    assert user.check_in("DeclarativeManagement", **users).status_code == 200
    assert StatusReport.objects.count() == 1
    user.log_in()
    for _ in range(2):
        assert user.check_in("DeclarativeManagement", **users).status_code == 200
    assert StatusReport.objects.get(user_channel=user.row).items == {"of": "anna"}
    assert StatusReport.objects.get(user_channel=None).items == {"of": "the device"}
    tokens = user.check_in("DeclarativeManagement", Endpoint="tokens")
    assert tokens.content == ask(mac, "tokens").content


def test_a_new_enrollment_has_reported_nothing(device: MdmDevice, make_device: MakeDevice) -> None:
    report(device, {"of": "the old one"})
    new = make_device(udid=device.udid, serial=device.serial).enroll()
    report(new, {"and": "the new one"})
    assert StatusReport.objects.get(enrollment=new.enrollment).items == {"and": "the new one"}
    assert ask(device, "status", Data=b"{}").status_code == 403


def test_a_report_is_kept_when_one_of_its_texts_holds_nul(device: MdmDevice) -> None:
    items = {"device": {"model": {"family": "Mac"}}, "odd": "Type\0writer"}
    report(device, items)
    assert StatusReport.objects.get().items == items | {"odd": "Type\ufffdwriter"}


MALFORMED: list[dict[str, Any]] = [
    {"Endpoint": 7},
    {"Endpoint": ""},
    {"Endpoint": "x" * 2000},
    {"Endpoint": "status"},
    {"Endpoint": "status", "Data": "text"},
    {"Endpoint": "status", "Data": b"{"},
    {"Endpoint": "status", "Data": b"[" * 100_000},
    {"Endpoint": "status", "Data": b'{"StatusItems": {"a": NaN}}'},
    {"Endpoint": "declaration/wish/one"},
    {"Endpoint": "status", "Data": b"{}", "EnrollmentID": "both"},
]


def test_a_malformed_message_is_400_logged_and_touches_nothing(
    device: MdmDevice, news: News
) -> None:
    before = [list(table.objects.values()) for table in (Device, Enrollment)]
    for change in MALFORMED:
        message = device.message("DeclarativeManagement") | change
        assert device.put(CHECKIN, message).status_code == 400, change
        assert news["device_message_refused"].pop()["message"]
    assert not StatusReport.objects.exists()
    assert [list(table.objects.values()) for table in (Device, Enrollment)] == before
