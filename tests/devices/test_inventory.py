"""What devices are asked about themselves, and when."""

import plistlib
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.errors import CommandNotObeyable
from devices.models import (
    Command,
    Device,
    Enrollment,
    Group,
)
from devices.services import actions
from devices.services.inventory import MOST_AT_ONCE, ask_due, plan_next
from devices.services.queries import find_right_refusal, queue_questions
from devices.services.raw_commands import queue_raw_command
from devices.signals import push_requested
from tests.devices.conftest import MakeDevice
from tests.devices.inventory import (
    list_apps,
    make_answers,
    make_app,
)
from tests.devices.mdm_device import MdmDevice

DAY = timedelta(days=1)


@pytest.fixture
def device(make_device: MakeDevice) -> MdmDevice:
    return make_device().enroll()


@pytest.fixture
def mac(make_device: MakeDevice) -> MdmDevice:
    return make_device(product="Mac15,12").enroll()


def plan(device: MdmDevice) -> Any:
    """Let the sweep give the device its time; return it."""
    ask_due(now=timezone.now())
    due_at = device.enrollment.inventory_due_at
    assert due_at is not None
    return due_at


@pytest.mark.parametrize(
    ("supervised", "group_allows", "user_enrollment", "is_everything"),
    [
        (True, False, False, True),
        (False, False, False, False),
        (False, True, False, True),
        (True, True, True, False),
    ],
)
def test_only_managed_apps_are_asked_for_when_the_device_may_be_a_persons(
    device: MdmDevice,
    supervised: bool,
    group_allows: bool,
    user_enrollment: bool,
    is_everything: bool,
) -> None:
    Group.objects.update(lists_all_apps=group_allows)
    Device.objects.update(is_user_enrollment=user_enrollment)
    answers = make_answers(supervised=supervised)
    del answers["SecurityInfo"]
    asked: dict[str, dict[str, Any]] = {}
    command = device.take()
    while command is not None:
        kind = command["Command"]["RequestType"]
        asked[kind] = command["Command"]
        command = device.take("Acknowledged", command["CommandUUID"], **answers.get(kind, {}))
    narrow = {} if is_everything else {"ManagedAppsOnly": True}
    assert asked["InstalledApplicationList"] == {
        "RequestType": "InstalledApplicationList",
        **narrow,
    }
    assert asked["CertificateList"].get("ManagedOnly", False) is not is_everything
    assert "UserList" not in asked


@pytest.mark.parametrize(("os_version", "is_asked"), [("10.14.6", False), ("10.15", True)])
def test_a_private_mac_that_would_list_everything_is_not_asked(
    make_device: MakeDevice, os_version: str, is_asked: bool
) -> None:
    """Systems before macOS 10.15 know no list of managed apps alone."""
    mac = make_device(product="Mac14,2")
    mac.authenticate(OSVersion=os_version)
    mac.token_update()
    answers = make_answers(supervised=False)
    answers["DeviceInformation"]["QueryResponses"] |= {"OSVersion": os_version}
    seen = mac.answer_everything(answers)
    assert {"InstalledApplicationList", "CertificateList"}.isdisjoint(seen) is not is_asked
    refusal = find_right_refusal(mac.enrollment, name="apps")
    assert (
        refusal == "to list only what came from here needs macOS 10.15; this Mac has 10.14.6"
    ) is not is_asked


def test_devices_have_times_all_over_the_day_when_they_are_many(settings: Any) -> None:
    now = timezone.now().replace(microsecond=0)  # the plan counts whole seconds
    due = [plan_next(f"dev_{number}", now=now) for number in range(2400)]
    hours = Counter(int((moment - now).total_seconds() // 3600) % 24 for moment in due)
    assert len(hours) == 24
    assert max(hours.values()) < 200
    assert all(now + DAY / 4 <= moment <= now + DAY * 5 / 4 for moment in due)
    again = plan_next("dev_1", now=due[1])
    assert again == due[1] + DAY


def test_a_device_is_asked_once_when_its_time_has_come(device: MdmDevice) -> None:
    device.answer_everything(make_answers())
    Command.objects.all().delete()
    due_at = plan(device)
    assert not Command.objects.exists()  # it was asked when it enrolled
    assert ask_due(now=due_at - timedelta(minutes=1)) == 0
    assert [ask_due(now=due_at), ask_due(now=due_at)] == [1, 0]
    commands = Command.objects.all()
    assert {command.request_type for command in commands} == {
        "DeviceInformation",
        "SecurityInfo",
        "ProfileList",
    }
    assert all(command.priority < 0 for command in commands)
    device.answer_everything(make_answers(apps=[make_app("a")]))
    assert list_apps(device) == {"com.example.a": "1.0"}
    assert Command.objects.get(request_type="InstalledApplicationList").priority < 0


def test_questions_are_not_doubled_when_a_device_was_silent(device: MdmDevice) -> None:
    device.answer_everything(make_answers())
    due_at = plan(device)
    for day in range(3):
        ask_due(now=due_at + day * DAY)
    waiting = Command.objects.filter(state="queued")
    assert Counter(waiting.values_list("request_type", flat=True)).most_common(1)[0][1] == 1


def test_yesterdays_questions_are_gone_when_today_is_asked(device: MdmDevice) -> None:
    device.answer_everything(make_answers())
    due_at = plan(device)
    kept = Command.objects.count()  # what was asked at the enrollment is its history
    for day in range(3):
        ask_due(now=due_at + day * DAY)
        device.answer_everything(make_answers())
    assert Command.objects.count() == kept + 5


def test_nobody_is_asked_when_the_enrollment_is_over(device: MdmDevice) -> None:
    due_at = plan(device)
    Enrollment.objects.update(state="checked_out")
    assert ask_due(now=due_at) == 0


def test_a_device_that_leaves_meanwhile_is_not_asked_when_others_are(
    device: MdmDevice, make_device: MakeDevice
) -> None:
    """The sweep has found both; the second one checks out before it is its turn."""
    devices = {each.enrollment.pk: each for each in (device, make_device().enroll())}
    Enrollment.objects.update(inventory_due_at=timezone.now() - DAY)
    Command.objects.all().delete()

    def leave(target: Enrollment, **_: Any) -> None:
        [other] = [each for pk, each in devices.items() if pk != target.pk]
        assert other.check_out().status_code == 200

    push_requested.connect(leave)
    try:
        assert ask_due(now=timezone.now()) == 1
    finally:
        push_requested.disconnect(leave)
    [left] = [pk for pk, each in devices.items() if each.enrollment.state == "checked_out"]
    assert not Command.objects.filter(enrollment=left, completed_at=None).exists()


def test_profiles_are_not_forgotten_when_only_managed_ones_were_asked_for(
    device: MdmDevice,
) -> None:
    """An administrator's own command; the enrollment's profile is not among the managed ones."""
    everything = [
        {"PayloadIdentifier": "mdm", "PayloadContent": [{"PayloadType": "com.apple.mdm"}]},
        {"PayloadIdentifier": "com.example.own"},
    ]
    device.answer_everything()
    for body, told in (({}, everything), ({"ManagedOnly": True}, everything[1:])):
        question = plistlib.dumps({"RequestType": "ProfileList", **body})
        queue_raw_command(device.row, content=question, actor="tests")
        device.answer_everything({"ProfileList": {"ProfileList": told}})
    kept = [each["PayloadIdentifier"] for each in device.enrollment.reported_profiles]
    assert kept == ["mdm", "com.example.own"]


def test_a_sweep_is_bounded_when_all_devices_are_due(
    device: MdmDevice, monkeypatch: pytest.MonkeyPatch, make_device: MakeDevice
) -> None:
    monkeypatch.setattr("devices.services.inventory.MOST_AT_ONCE", 1)
    make_device().enroll()
    past = timezone.now() - DAY
    Enrollment.objects.update(inventory_due_at=past)
    assert [ask_due(now=timezone.now()) for _ in range(3)] == [1, 1, 0]
    assert MOST_AT_ONCE * 60 * 24 >= 100_000


def test_managed_apps_are_asked_for_again_when_a_policy_once_did(device: MdmDevice) -> None:
    device.answer_everything(make_answers())
    due_at = plan(device)
    Enrollment.objects.update(applications_reported_at=timezone.now())
    ask_due(now=due_at)
    assert Command.objects.filter(request_type="ManagedApplicationList").exists()


RIGHTS = {
    "SecurityInfo": 1024,
    "ProfileList": 1,
    "CertificateList": 1,
    "InstalledApplicationList": 256,
}
ALL_RIGHTS = 8191


@pytest.mark.parametrize("right", sorted(set(RIGHTS.values())))
def test_only_what_the_enrollment_profile_had_the_right_to_ask_for_is_asked(
    mac: MdmDevice, right: int
) -> None:
    mac.answer_everything(make_answers())
    Command.objects.all().delete()
    Enrollment.objects.update(access_rights=ALL_RIGHTS & ~right)
    names = ["information", "security", "profiles", "apps", "certificates"]
    queue_questions(mac.enrollment, names=names)
    asked = set(Command.objects.values_list("request_type", flat=True))
    assert asked == {"DeviceInformation"} | {name for name, bit in RIGHTS.items() if bit != right}


def test_rights_that_are_not_known_refuse_nothing(mac: MdmDevice) -> None:
    assert mac.enrollment.access_rights is None
    asked = mac.answer_everything(make_answers())
    assert set(RIGHTS) <= set(asked)


def test_the_apps_are_not_asked_for_after_device_information_without_the_right(
    mac: MdmDevice,
) -> None:
    Enrollment.objects.update(access_rights=ALL_RIGHTS & ~256)
    asked = mac.answer_everything(make_answers())
    assert "CertificateList" in asked
    assert "InstalledApplicationList" not in asked
    with pytest.raises(CommandNotObeyable, match="right to list installed apps"):
        actions.ask(mac.row, facts="apps", actor="a")
