"""How long a command waits, and what ends it but an answer: expiry, cancelling, an erase."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.errors import CommandInvalid
from devices.models import Command
from devices.selectors import find_due_commands
from devices.services import actions
from devices.services.queue import cancel, enqueue, expire_commands
from devices.services.retention import KEPT, forget_contents
from devices.tasks import sweep_commands
from tests.devices import orders
from tests.devices.conftest import MakeDevice, PassTime
from tests.devices.mdm_device import MdmDevice

ACTOR = "ada@example.com"


@pytest.fixture
def phone(make_device: MakeDevice) -> MdmDevice:
    device = make_device().enroll()
    device.answer_everything()
    Command.objects.all().delete()
    return device


def queue(device: MdmDevice, request_type: str, **options: Any) -> Command:
    return enqueue(device.enrollment, command={"RequestType": request_type}, **options)


@pytest.mark.parametrize(
    ("request_type", "days"),
    [("ProfileList", 14), ("EraseDevice", 7), ("DeviceLock", 7), ("RestartDevice", 1)],
)
def test_a_forgotten_command_is_not_handed_out_when_its_days_are_over(
    phone: MdmDevice, pass_time: PassTime, request_type: str, days: int
) -> None:
    queue(phone, request_type)
    pass_time(timedelta(days=days, minutes=1))
    assert phone.take() is None
    assert Command.objects.get().state == "queued"
    pass_time(timedelta(minutes=-2))
    assert phone.take() is not None


def test_a_command_is_offered_again_when_the_clock_was_set_back(
    phone: MdmDevice, pass_time: PassTime
) -> None:
    """An hour, and the answer was lost: it waited for that hour and the usual time behind it."""
    queue(phone, "DeviceLock")
    pass_time(timedelta(hours=1))
    assert phone.take() is not None
    pass_time(timedelta(hours=-1))
    sweep_commands()
    assert phone.take() is not None
    sweep_commands()
    assert phone.take() is None  # it has its usual time for the answer


def test_what_a_device_is_meant_to_have_waits_as_long_as_it_takes(
    phone: MdmDevice, pass_time: PassTime
) -> None:
    queue(phone, "InstallProfile")
    pass_time(timedelta(days=300))
    assert phone.take() is not None


def test_the_sweep_ends_what_has_expired_and_wakes_nobody_for_it(phone: MdmDevice) -> None:
    command = queue(phone, "EraseDevice")
    now = timezone.now()
    assert expire_commands(now=now + timedelta(days=6)) == 0
    assert expire_commands(now=now + timedelta(days=8)) == 1
    command.refresh_from_db()
    assert (command.state, command.completed_at) == ("expired", now + timedelta(days=8))
    assert not find_due_commands(now + timedelta(days=8)).exists()
    assert phone.take() is None


def test_a_query_can_be_asked_again_when_the_earlier_one_has_expired_unswept(
    phone: MdmDevice,
) -> None:
    first = queue(phone, "ProfileList")
    Command.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    second = queue(phone, "ProfileList")
    assert second.pk != first.pk
    assert phone.answer_everything() == ["ProfileList"]


def test_programs_choose_how_long_a_command_waits(phone: MdmDevice, pass_time: PassTime) -> None:
    month = timezone.now() + timedelta(days=30)
    options: dict[str, Any] = {"request_type": "EraseDevice", "parameters": {}, "actor": ACTOR}
    actions.queue_command(phone.row, **options, expires_at=month)
    pass_time(timedelta(days=29))
    assert phone.take() is not None
    for wrong in (timezone.now() - timedelta(seconds=1), timezone.now() + timedelta(days=400)):
        with pytest.raises(CommandInvalid):
            actions.queue_command(phone.row, **options, expires_at=wrong)


@pytest.mark.parametrize("end", ["cancel", "expire"])
def test_what_a_device_says_counts_when_it_was_handed_the_command_before_its_end(
    phone: MdmDevice, end: str
) -> None:
    command = queue(phone, "RestartDevice")
    phone.take()
    if end == "cancel":
        assert cancel(command, now=timezone.now())
    else:
        expire_commands(now=timezone.now() + timedelta(days=2))
    assert phone.take("NotNow", command.uuid) is None
    command.refresh_from_db()
    assert command.state == ("cancelled" if end == "cancel" else "expired")
    assert phone.take() is None
    phone.take("Acknowledged", command.uuid)
    command.refresh_from_db()
    assert command.state == "acknowledged"


def test_a_query_that_waits_is_not_queued_again_and_a_different_one_is(phone: MdmDevice) -> None:
    enrollment = phone.enrollment
    everything = {"RequestType": "ManagedApplicationList"}
    some = everything | {"Identifiers": ["com.example.a"]}
    queued = [enqueue(enrollment, command=each).uuid for each in (everything, some) * 3]
    assert len(set(queued)) == 2
    phone.answer_everything()
    assert enqueue(enrollment, command=everything).uuid not in queued


def test_profiles_and_apps_are_each_queued_as_often_as_asked(phone: MdmDevice) -> None:
    assert len({queue(phone, "InstallApplication").pk for _ in range(3)}) == 3


def test_an_erase_goes_before_everything_and_what_waits_behind_it_is_cancelled(
    phone: MdmDevice,
) -> None:
    stale = [queue(phone, name) for name in ("InstallProfile", "ProfileList", "RestartDevice")]
    orders.lock(phone.row, actor=ACTOR)
    orders.erase(phone.row, actor=ACTOR)
    lock = phone.take()
    assert lock is not None
    assert lock["Command"]["RequestType"] == "DeviceLock"
    erase = phone.take("Acknowledged", lock["CommandUUID"])
    assert erase is not None
    assert erase["Command"]["RequestType"] == "EraseDevice"
    assert phone.take("Acknowledged", erase["CommandUUID"]) is None
    states = Command.objects.filter(pk__in=[row.pk for row in stale]).values_list("state")
    assert set(states) == {("cancelled",)}


def test_an_erase_that_the_device_refuses_lets_the_others_go_on(phone: MdmDevice) -> None:
    queue(phone, "ProfileList")
    orders.erase(phone.row, actor=ACTOR)
    erase = phone.take()
    assert erase is not None
    other = phone.take("Error", erase["CommandUUID"])
    assert other is not None
    assert other["Command"]["RequestType"] == "ProfileList"


@pytest.mark.parametrize("leave", ["check_out", "enroll_again"])
def test_nothing_is_left_in_the_queue_when_a_device_leaves_or_enrolls_again(
    phone: MdmDevice, make_device: MakeDevice, leave: str
) -> None:
    queue(phone, "RestartDevice")
    queue(phone, "InstallProfile")
    if leave == "check_out":
        phone.check_out()
    else:
        again = make_device(udid=phone.udid, serial=phone.serial).enroll()
        assert "RestartDevice" not in again.answer_everything()
    states = Command.objects.filter(enrollment=phone.enrollment).values_list("state", flat=True)
    assert set(states) == {"cancelled"}


def test_contents_go_after_ninety_days_and_the_history_and_pins_stay(
    make_device: MakeDevice,
) -> None:
    mac = make_device(product="MacBookPro18,1").enroll()
    lock = orders.lock(mac.row, actor=ACTOR)
    mac.answer_everything({"ProfileList": {"ProfileList": []}})
    waiting = queue(mac, "InstallProfile")
    now = timezone.now()
    assert forget_contents(now=now + KEPT - timedelta(minutes=1)) == 0
    assert forget_contents(now=now + KEPT + timedelta(minutes=1)) == 4
    assert forget_contents(now=now + KEPT + timedelta(minutes=1)) == 0
    profiles = Command.objects.get(request_type="ProfileList")
    assert (profiles.state, profiles.result, profiles.body) == ("acknowledged", {}, b"")
    assert len(actions.reveal_pin(Command.objects.get(pk=lock.pk), actor=ACTOR)) == 6
    waiting.refresh_from_db()
    assert waiting.body
