"""The command queue on the connect URL: R2, R3, D5."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Command, Enrollment
from devices.selectors import find_due_commands
from devices.services.queue import cancel_commands, enqueue
from tests.devices.conftest import MakeDevice, News, PassTime
from tests.devices.mdm_device import MdmDevice

LATER = timedelta(minutes=10)


@pytest.fixture
def device(make_device: MakeDevice) -> MdmDevice:
    device = make_device().enroll()
    device.answer_everything()
    Command.objects.all().delete()
    return device


def queue(device: MdmDevice, *names: str, **options: Any) -> list[str]:
    enrollment = device.enrollment
    return [enqueue(enrollment, command={"RequestType": name}, **options).uuid for name in names]


def take_uuid(device: MdmDevice, *report: str) -> str:
    command = device.take(*report)
    return command["CommandUUID"] if command else ""


def test_commands_come_in_their_order_and_the_urgent_one_first(device: MdmDevice) -> None:
    queue(device, "A", "B")
    queue(device, "Urgent", priority=100)
    assert device.answer_everything() == ["Urgent", "A", "B"]
    assert device.take() is None


def test_each_command_has_an_upper_case_uuid_of_its_own(device: MdmDevice) -> None:
    uuids = queue(device, "A", "A", "A")
    assert len(set(uuids)) == 3
    assert all(uuid == uuid.upper() and len(uuid) == 36 for uuid in uuids)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Acknowledged", "acknowledged"),
        ("Error", "error"),
        ("CommandFormatError", "format_error"),
    ],
)
def test_the_first_final_result_stands(
    device: MdmDevice, news: News, status: str, state: str
) -> None:
    [uuid] = queue(device, "A")
    take_uuid(device)
    chain = [{"ErrorCode": 5, "ErrorDomain": "D", "USEnglishDescription": "No"}]
    device.take(status, uuid, ErrorChain=chain, Answer="first")
    before = Command.objects.get(uuid=uuid)
    for late in ("Acknowledged", "Error", "NotNow", "CommandFormatError"):
        device.take(late, uuid, Answer="late")
    after = Command.objects.get(uuid=uuid)
    assert after.state == state
    assert after.result == {"Answer": "first"}
    assert after.error_chain == chain
    assert after.completed_at == before.completed_at
    assert len(news["command_finished"]) == 1
    assert news["command_finished"][0]["command"].state == state


def test_a_result_that_comes_before_its_command_was_handed_out_counts(device: MdmDevice) -> None:
    """Its first answer was lost on the way; the device knows it from then."""
    [uuid] = queue(device, "A")
    device.take("Acknowledged", uuid)
    assert Command.objects.get(uuid=uuid).state == "acknowledged"


def test_a_not_now_command_waits_for_the_next_session_and_lets_others_pass(
    device: MdmDevice,
) -> None:
    first, second, third = queue(device, "A", "B", "C")
    assert take_uuid(device) == first
    assert take_uuid(device, "NotNow", first) == second
    assert take_uuid(device, "NotNow", second) == third
    assert take_uuid(device, "Acknowledged", third) == ""
    assert take_uuid(device) == first
    assert take_uuid(device, "Acknowledged", first) == second
    assert take_uuid(device, "Acknowledged", second) == ""


def test_the_later_command_stays_the_last_word_when_the_earlier_one_was_put_off(
    device: MdmDevice,
) -> None:
    """Else a name, or a profile of the same identifier, would go back to what it was before."""
    [first] = queue(device, "A")
    for _ in range(4):
        assert take_uuid(device) == first
        assert take_uuid(device, "NotNow", first) == ""
    [second] = queue(device, "B")
    assert take_uuid(device) == first
    assert take_uuid(device, "Acknowledged", first) == second


def test_a_not_now_command_is_due_again_ever_later(device: MdmDevice) -> None:
    [uuid] = queue(device, "A")
    waits = []
    for _ in range(4):
        take_uuid(device)
        now = timezone.now()
        device.take("NotNow", uuid)
        not_before = Command.objects.get(uuid=uuid).not_before
        assert not_before is not None
        waits.append((not_before - now).total_seconds())
        assert not find_due_commands(now).exists()
        assert find_due_commands(not_before).exists()
    assert waits == pytest.approx([60, 120, 240, 480], abs=2)


def test_the_later_command_stays_the_last_word_when_the_earlier_ones_answer_was_lost(
    device: MdmDevice, pass_time: PassTime
) -> None:
    lost, other = queue(device, "A", "B")
    assert take_uuid(device) == lost
    assert take_uuid(device) == other, "it may still be answered, and holds up nothing until then"
    assert take_uuid(device, "Acknowledged", other) == ""
    pass_time(LATER)
    [new] = queue(device, "C")
    assert take_uuid(device) == lost
    assert take_uuid(device, "Acknowledged", lost) == new
    assert Command.objects.get(uuid=lost).attempts == 2


def test_an_unanswered_command_goes_behind_the_others_when_it_was_tried_three_times(
    device: MdmDevice, pass_time: PassTime
) -> None:
    [deadly] = queue(device, "A")
    for tries in range(1, 4):
        assert take_uuid(device) == deadly
        pass_time(tries * LATER)
    [new] = queue(device, "B")
    assert take_uuid(device) == new
    assert take_uuid(device, "Acknowledged", new) == deadly


def test_a_command_that_is_never_answered_does_not_block_the_rest(
    device: MdmDevice, pass_time: PassTime
) -> None:
    queue(device, "Deadly", priority=100)
    queue(device, "A", "B")
    for _ in range(8):  # three tries each
        device.take()
        pass_time(LATER)
    assert Command.objects.get(request_type="Deadly").attempts > 1
    assert not Command.objects.filter(state="queued").exists()


def test_an_answer_to_nobodys_command_is_taken_and_changes_nothing(
    device: MdmDevice, make_device: MakeDevice, caplog: pytest.LogCaptureFixture
) -> None:
    [uuid] = queue(device, "A")
    stranger = make_device().enroll()
    for unknown in (uuid, "00000000-0000-0000-0000-000000000000", "x" * 1000):
        assert stranger.connect("Acknowledged", unknown).status_code == 200
    assert Command.objects.get(uuid=uuid).state == "queued"
    assert "was not given" in caplog.text


def test_a_format_error_without_uuid_is_taken(device: MdmDevice) -> None:
    assert device.connect("CommandFormatError").status_code == 200


def test_cancelled_commands_are_not_offered_and_stay_cancelled(device: MdmDevice) -> None:
    mine, other = queue(device, "A", origin="item:1") + queue(device, "B", origin="item:2")
    assert cancel_commands(device.enrollment, origin="item:1") == 1
    assert take_uuid(device) == other
    device.take("Acknowledged", mine)
    assert Command.objects.get(uuid=mine).state == "cancelled"


def test_secrets_in_answers_are_not_stored(device: MdmDevice) -> None:
    [uuid] = queue(device, "SecurityInfo")
    info = {"FDE_Enabled": True, "FDE_PersonalRecoveryKeyCMS": b"recovery"}
    device.take("Acknowledged", uuid, SecurityInfo=info)
    stored = Command.objects.get(uuid=uuid).result["SecurityInfo"]
    assert stored == {"FDE_Enabled": True, "FDE_PersonalRecoveryKeyCMS": "(withheld)"}
    assert device.row.security == stored


def test_device_information_renames_the_device(device: MdmDevice) -> None:
    [uuid] = queue(device, "DeviceInformation")
    facts = {
        "DeviceName": "Zoë’s <b>Mac</b>",
        "OSVersion": "15.1",
        "ModelName": "MacBook Pro",
        "ProductName": "MacBookPro18,1",
        "BatteryLevel": 0.5,
        "BuildVersion": "x" * 500,
        "Model": 7,
    }
    device.take("Acknowledged", uuid, QueryResponses=facts)
    row = device.row
    assert (row.name, row.os_version, row.platform) == ("Zoë’s <b>Mac</b>", "15.1", "macos")
    assert row.serial_number == device.serial
    assert row.build_version == "x" * 32
    assert row.information["BatteryLevel"] == 0.5


@pytest.mark.parametrize("answer", [{}, {"QueryResponses": "no"}, {"ProfileList": {"a": 1}}])
def test_an_answer_of_the_wrong_shape_teaches_nothing(
    device: MdmDevice, answer: dict[str, Any]
) -> None:
    for name in ("DeviceInformation", "ProfileList", "SecurityInfo", "ManagedApplicationList"):
        [uuid] = queue(device, name)
        assert device.connect("Acknowledged", uuid, **answer).status_code == 200
    assert device.enrollment.profiles_reported_at is None


def test_reported_profiles_are_kept_without_contents_and_told(
    device: MdmDevice, news: News
) -> None:
    [uuid] = queue(device, "ProfileList")
    profile = {
        "PayloadIdentifier": "com.example.wifi",
        "PayloadUUID": "U",
        "IsManaged": True,
        "SignerCertificates": [b"der"],
        "PayloadContent": [
            {"PayloadType": "com.apple.wifi.managed", "PayloadIdentifier": "i", "Password": "p"}
        ],
    }
    device.take("Acknowledged", uuid, ProfileList=[profile])
    [kept] = device.enrollment.reported_profiles
    assert kept["PayloadIdentifier"] == "com.example.wifi"
    assert kept["PayloadContent"] == [
        {"PayloadType": "com.apple.wifi.managed", "PayloadIdentifier": "i"}
    ]
    assert "SignerCertificates" not in kept
    assert len(news["profiles_reported"]) == 1


def test_a_list_of_some_apps_does_not_forget_the_others(device: MdmDevice, news: News) -> None:
    enrollment = device.enrollment
    everything = enqueue(enrollment, command={"RequestType": "ManagedApplicationList"})
    known = {"a": {"Status": "Installing"}, "b": {"Status": "Managed"}, "c": {"Status": "Managed"}}
    device.take("Acknowledged", everything.uuid, ManagedApplicationList=known)
    some = enqueue(
        enrollment,
        command={"RequestType": "ManagedApplicationList", "Identifiers": ["a", "c"]},
    )
    device.take("Acknowledged", some.uuid, ManagedApplicationList={"a": {"Status": "Managed"}})
    reported = device.enrollment.reported_applications
    assert reported == {"a": {"Status": "Managed"}, "b": {"Status": "Managed"}}
    assert len(news["applications_reported"]) == 2


def test_last_seen_is_written_once_a_minute(device: MdmDevice, pass_time: PassTime) -> None:
    first = device.row.last_seen_at
    assert first is not None
    pass_time(timedelta(seconds=30))
    device.take()
    assert device.row.last_seen_at == first
    pass_time(timedelta(seconds=90))
    device.take()
    assert device.row.last_seen_at > first


def test_a_connection_before_the_token_update_is_refused(make_device: MakeDevice) -> None:
    device = make_device()
    device.authenticate()
    assert device.connect().status_code == 403
    assert Enrollment.objects.get(pk=device.enrollment.pk).state == "authenticated"


def test_a_device_is_served_however_often_it_has_put_off(device: MdmDevice) -> None:
    [uuid] = queue(device, "A")
    Command.objects.update(attempts=32767)  # what the column takes
    for _ in range(2):
        assert take_uuid(device) == uuid
        assert device.take("NotNow", uuid) is None
    assert take_uuid(device) == uuid
    assert device.take("Acknowledged", uuid) is None
