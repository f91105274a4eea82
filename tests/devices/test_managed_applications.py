"""What devices tell of apps' configuration and feedback."""

import json
import plistlib
from typing import Any

import pytest
from django.db import connection

from devices.models import Command, ManagedApplication
from devices.services import actions
from devices.services.lessons import MOST_APPLICATIONS
from devices.services.managed_applications import MOST
from devices.services.queue import enqueue
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import MdmDevice
from tests.devices.mdm_user import MdmUser

ACTOR = "ada@example.com"
APP = "com.example.app"
FEEDBACK = {"ManagedApplicationFeedback": [{"Identifier": APP, "Feedback": {"errors": 3}}]}


def ask(device: MdmDevice, request_type: str, answer: dict[str, Any]) -> Command:
    command = actions.queue_command(
        device.row, request_type=request_type, parameters={"identifiers": [APP]}, actor=ACTOR
    )
    device.answer_everything({request_type: answer})
    command.refresh_from_db()
    return command


def get_app(device: MdmDevice) -> ManagedApplication:
    return ManagedApplication.objects.get(enrollment=device.enrollment, identifier=APP)


def test_feedback_is_kept_with_its_moment_when_the_device_tells_it(phone: MdmDevice) -> None:
    command = ask(phone, "ManagedApplicationFeedback", FEEDBACK)
    assert get_app(phone).feedback == {"errors": 3}
    assert get_app(phone).feedback_reported_at == command.completed_at
    ask(phone, "ManagedApplicationFeedback", {"ManagedApplicationFeedback": [{"Identifier": APP}]})
    assert get_app(phone).feedback == {}


def test_feedback_is_asked_for_when_an_app_says_that_it_has_some(phone: MdmDevice) -> None:
    listed = {APP: {"Status": "Managed", "HasFeedback": True}, "com.x": {"HasFeedback": False}}
    actions.refresh(phone.row, actor=ACTOR)
    seen = phone.answer_everything(
        {
            "ManagedApplicationList": {"ManagedApplicationList": listed},
            "ManagedApplicationFeedback": FEEDBACK,
        }
    )
    assert seen[-1] == "ManagedApplicationFeedback"
    body = Command.objects.get(request_type="ManagedApplicationFeedback").body
    assert plistlib.loads(body or b"")["Identifiers"] == [APP]
    assert get_app(phone).feedback == {"errors": 3}


def test_a_mac_is_not_asked_for_feedback(make_device: MakeDevice) -> None:
    mac = make_device(product="MacBookPro18,1").enroll()
    actions.refresh(mac.row, actor=ACTOR)
    listed = {"ManagedApplicationList": {APP: {"Status": "Managed", "HasFeedback": True}}}
    assert "ManagedApplicationFeedback" not in mac.answer_everything(
        {"ManagedApplicationList": listed}
    )


def test_a_configuration_lies_sealed_in_the_database_when_it_was_told(phone: MdmDevice) -> None:
    entry = {"Identifier": APP, "Configuration": {"password": "hunter2-of-the-app"}}
    command = ask(phone, "ManagedApplicationConfiguration", {"ApplicationConfigurations": [entry]})
    assert json.loads(get_app(phone).configuration or b"") == entry["Configuration"]
    assert get_app(phone).configuration_reported_at == command.completed_at
    assert command.result == {"ApplicationConfigurations": [{"Identifier": APP}]}
    with connection.cursor() as cursor:
        for table in ("devices_command", "devices_managedapplication"):
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608
            assert "hunter2-of-the-app" not in repr(
                [[bytes(v) if isinstance(v, memoryview) else v for v in r] for r in cursor]
            )


@pytest.mark.parametrize("told", ["a text", 7, ["a list"], {}, None])
def test_an_app_has_no_configuration_when_the_device_tells_an_odd_one(
    phone: MdmDevice, told: Any
) -> None:
    entry = {"Identifier": APP} | ({} if told is None else {"Configuration": told})
    answer = {"ApplicationConfigurations": [entry]}
    assert ask(phone, "ManagedApplicationConfiguration", answer).state == "acknowledged"
    assert get_app(phone).configuration is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"ManagedApplicationFeedback": {"a": 1}},
        {"ManagedApplicationFeedback": ["a", {}, {"Identifier": 1}, {"Identifier": "a" * 300}]},
    ],
)
def test_nothing_is_kept_when_the_answer_is_odd(phone: MdmDevice, answer: dict[str, Any]) -> None:
    assert ask(phone, "ManagedApplicationFeedback", answer).state == "acknowledged"
    assert not ManagedApplication.objects.exists()


def test_odd_names_and_texts_break_nothing(phone: MdmDevice) -> None:
    odd = {"Identifier": APP, "Configuration": {"a\u0001b": "c\u0002d"}}
    body = plistlib.dumps(
        {"ApplicationConfigurations": [odd, {"Identifier": "a\u0001"}]}, fmt=plistlib.FMT_BINARY
    )
    command = actions.queue_command(
        phone.row,
        request_type="ManagedApplicationConfiguration",
        parameters={"identifiers": [APP]},
        actor=ACTOR,
    )
    taken = phone.take()
    assert taken is not None
    answer = {"Status": "Acknowledged", "UDID": phone.udid, "CommandUUID": taken["CommandUUID"]}
    message = plistlib.dumps(plistlib.loads(body) | answer, fmt=plistlib.FMT_BINARY)
    assert phone.put("/mdm/connect", message).status_code == 200
    command.refresh_from_db()
    assert command.state == "acknowledged"
    assert json.loads(get_app(phone).configuration or b"") == odd["Configuration"]
    actions.refresh(phone.row, actor=ACTOR)
    listed = {"a\u0001": {"HasFeedback": True}}
    while taken := phone.take():
        more = {"ManagedApplicationList": listed}
        answer = {"Status": "Acknowledged", "UDID": phone.udid}
        answer |= {"CommandUUID": taken["CommandUUID"]}
        message = plistlib.dumps(more | answer, fmt=plistlib.FMT_BINARY)
        assert phone.put("/mdm/connect", message).status_code == 200


@pytest.mark.parametrize("key", ["ManagedApplicationFeedback", "ApplicationConfigurations"])
def test_little_is_written_when_the_device_tells_of_far_too_many(
    phone: MdmDevice, key: str, django_assert_max_num_queries: Any
) -> None:
    kinds = {"ApplicationConfigurations": "ManagedApplicationConfiguration"}
    entries = [{"Identifier": f"com.example.{number}"} for number in range(MOST + 5)]
    with django_assert_max_num_queries(60):
        assert ask(phone, kinds.get(key, key), {key: entries}).state == "acknowledged"
    assert ManagedApplication.objects.count() == MOST


def test_feedback_stays_when_the_configuration_is_told(phone: MdmDevice) -> None:
    ask(phone, "ManagedApplicationFeedback", FEEDBACK)
    entry = {"Identifier": APP, "Configuration": {"a": 1}}
    ask(phone, "ManagedApplicationConfiguration", {"ApplicationConfigurations": [entry]})
    assert get_app(phone).feedback == {"errors": 3}
    assert json.loads(get_app(phone).configuration or b"") == {"a": 1}


def test_the_list_of_managed_apps_is_bounded_when_a_device_invents_apps(phone: MdmDevice) -> None:
    invented: dict[str, Any] = {
        f"com.example.{number}": {} for number in range(MOST_APPLICATIONS + 5)
    }
    actions.refresh(phone.row, actor=ACTOR)
    phone.answer_everything({"ManagedApplicationList": {"ManagedApplicationList": invented}})
    assert len(phone.enrollment.reported_applications) == MOST_APPLICATIONS


def test_a_configuration_lies_sealed_when_a_macs_user_told_it(
    make_device: MakeDevice, settings: Any
) -> None:
    settings.MDM_USER_CHANNEL = True
    mac = make_device(product="MacBookPro18,1").enroll()
    mac.answer_everything()
    user = MdmUser(mac).log_in()
    command = enqueue(
        mac.enrollment,
        command={"RequestType": "ManagedApplicationConfiguration", "Identifiers": [APP]},
        user_channel=user.row,
    )
    entry = {"Identifier": APP, "Configuration": {"code": "hunter2-of-the-app"}}
    assert user.take() is not None
    user.take("Acknowledged", command.uuid, ApplicationConfigurations=[entry])
    command.refresh_from_db()
    assert command.state == "acknowledged"
    assert command.result == {"ApplicationConfigurations": [{"Identifier": APP}]}


@pytest.mark.parametrize("key", ["ManagedApplicationFeedback", "ApplicationConfigurations"])
def test_the_apps_come_to_an_end_when_the_device_names_others_each_time(
    phone: MdmDevice, key: str
) -> None:
    kinds = {"ApplicationConfigurations": "ManagedApplicationConfiguration"}
    for first in (0, MOST - 3, 2 * MOST):
        entries = [{"Identifier": f"com.example.{first + number}"} for number in range(MOST)]
        ask(phone, kinds.get(key, key), {key: entries})
    assert ManagedApplication.objects.count() == MOST
    ask(
        phone,
        "ManagedApplicationFeedback",
        {
            "ManagedApplicationFeedback": [
                {"Identifier": "com.example.7", "Feedback": {"small": 1, "large": "x" * 100_000}},
            ]
        },
    )
    row = ManagedApplication.objects.get(identifier="com.example.7")
    assert row.feedback == {"small": 1}
