"""What administrators do to devices: audited, deduplicated, urgent first, PINs sealed."""

import plistlib
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from devices.errors import CommandInvalid, CommandOver, GroupInUse, NotEnrolled
from devices.models import Command, Device, Enrollment, Group
from devices.selectors import list_enrollments
from devices.services import actions
from devices.services.groups import create_group, delete_group, update_group
from devices.services.status import set_status
from organization.models import AuditEntry
from tests.devices import orders
from tests.devices.conftest import MakeDevice, News
from tests.devices.mdm_device import CONNECT, MdmDevice
from tests.policies.profiles import make_mobileconfig

ACTOR = "ada@example.com"
ENROLLMENT_PROFILE = {
    "PayloadIdentifier": "com.example.enrollment",
    "PayloadUUID": "U",
    "PayloadContent": [{"PayloadType": "com.apple.mdm", "PayloadIdentifier": "i"}],
}


@pytest.fixture
def phone(make_device: MakeDevice) -> MdmDevice:
    return make_device().enroll()


@pytest.fixture
def mac(make_device: MakeDevice) -> MdmDevice:
    return make_device(product="MacBookPro18,1").enroll()


def get_audit() -> list[str]:
    return list(AuditEntry.objects.filter(actor=ACTOR).values_list("action", flat=True))


def test_a_lock_outranks_what_waits_and_is_queued_once(phone: MdmDevice) -> None:
    first = orders.lock(phone.row, message="Lost", actor=ACTOR)
    assert orders.lock(phone.row, message="Lost again", actor=ACTOR) == first
    command = phone.take()
    assert command is not None
    assert command["Command"] == {"RequestType": "DeviceLock", "Message": "Lost"}
    assert get_audit() == ["command.DeviceLock"] * 2
    phone.take("Acknowledged", command["CommandUUID"])
    assert orders.lock(phone.row, actor=ACTOR) != first


def test_a_locked_macs_pin_is_escrowed_and_each_reveal_audited(mac: MdmDevice) -> None:
    command = orders.lock(mac.row, actor=ACTOR)
    sent = mac.take()
    assert sent is not None
    pin = sent["Command"]["PIN"]
    mac.take("Acknowledged", sent["CommandUUID"])
    assert actions.reveal_pin(command, actor=ACTOR) == pin
    assert get_audit()[0] == "pin.reveal"
    assert pin not in str(list(AuditEntry.objects.values()))


def test_no_pin_lies_open_in_the_database(mac: MdmDevice) -> None:
    orders.lock(mac.row, pin="918273", actor=ACTOR)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            assert "918273" not in repr([tuple(map(_readable, row)) for row in cursor.fetchall()])


def _readable(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def test_a_pin_that_a_mac_would_not_take_is_refused_before_it_is_queued(mac: MdmDevice) -> None:
    before = Command.objects.count()
    for pin in ("12345", "abcdef"):
        with pytest.raises(CommandInvalid):
            orders.lock(mac.row, pin=pin, actor=ACTOR)
    assert Command.objects.count() == before


def test_a_phone_has_no_pin_to_reveal(phone: MdmDevice) -> None:
    command = orders.lock(phone.row, actor=ACTOR)
    with pytest.raises(CommandInvalid):
        actions.reveal_pin(command, actor=ACTOR)


def test_an_erase_is_next_even_while_others_wait(mac: MdmDevice) -> None:
    mac.take()
    orders.erase(mac.row, actor=ACTOR)
    command = mac.take()
    assert command is not None
    assert command["Command"]["RequestType"] == "EraseDevice"
    assert len(command["Command"]["PIN"]) == 6


def say(device: MdmDevice, request_type: str, **parameters: Any) -> Command:
    return actions.queue_command(
        device.row, request_type=request_type, parameters=parameters, actor=ACTOR
    )


def test_the_last_word_counts_while_the_device_has_not_heard_the_one_before(
    mac: MdmDevice,
) -> None:
    """Two passwords one after the other: the second was taken for the first, and never set."""
    mac.answer_everything()
    first = say(mac, "SetRecoveryLock", new_password="first of all")
    second = say(mac, "SetRecoveryLock", new_password="second thoughts")
    assert say(mac, "SetRecoveryLock", new_password="second thoughts") == second
    first.refresh_from_db()
    assert first.state == "cancelled"
    taken = mac.take()
    assert taken is not None
    assert taken["Command"]["NewPassword"] == "second thoughts"
    with pytest.raises(CommandInvalid, match="told something else"):
        say(mac, "SetRecoveryLock", remove=True)
    assert mac.take("Acknowledged", taken["CommandUUID"]) is None
    say(mac, "SetRecoveryLock", remove=True)
    removal = mac.take()
    assert removal is not None
    assert removal["Command"]["NewPassword"] == ""


def test_a_text_of_several_lines_is_the_same_when_it_is_sent_again(phone: MdmDevice) -> None:
    """Browsers end a line with CR and LF, of which XML keeps one."""
    phone.answer_everything()
    Device.objects.update(information={"IsSupervised": True})
    first = say(phone, "EnableLostMode", message="Please call\r\n555 0100")
    assert phone.take() is not None
    assert say(phone, "EnableLostMode", message="Please call\r\n555 0100") == first


def test_lost_mode_stays_on_when_its_end_had_waited_for_the_device(phone: MdmDevice) -> None:
    """Lost mode is more urgent, so it goes first; what was asked before it would then end it."""
    phone.answer_everything()
    Device.objects.update(information={"IsSupervised": True})
    end = say(phone, "DisableLostMode")
    say(phone, "EnableLostMode", message="Please call")
    end.refresh_from_db()
    assert end.state == "cancelled"
    assert phone.answer_everything() == ["EnableLostMode"]


def test_who_asks_twice_for_a_random_password_gets_one(mac: MdmDevice) -> None:
    first = say(mac, "SetRecoveryLock")
    assert say(mac, "SetRecoveryLock") == first
    assert say(mac, "SetRecoveryLock", remove=True) != first


def test_a_question_that_waits_is_enough_however_it_is_asked(phone: MdmDevice) -> None:
    phone.answer_everything()
    whole = say(phone, "ProfileList")
    assert say(phone, "ProfileList", managed_only=True) == whole


def test_a_command_whose_time_is_over_makes_no_other_superfluous(phone: MdmDevice) -> None:
    """The sweep that ends it may be late, or the scheduler stand still."""
    phone.answer_everything()
    Device.objects.update(information={"IsSupervised": True})
    stale = say(phone, "RestartDevice")
    Command.objects.filter(pk=stale.pk).update(expires_at=timezone.now())
    fresh = say(phone, "RestartDevice")
    assert fresh != stale
    taken = phone.take()
    assert taken is not None
    assert taken["CommandUUID"] == fresh.uuid


def test_programs_queue_what_the_table_allows(phone: MdmDevice) -> None:
    command = actions.queue_command(
        phone.row,
        request_type="RemoveProfile",
        parameters={"identifier": "com.example.wifi"},
        actor="key:ci",
    )
    assert command.origin == "key:ci"
    with pytest.raises(CommandInvalid):
        actions.queue_command(phone.row, request_type="UserConfigured", parameters={}, actor="a")


def test_nothing_is_queued_for_a_device_that_has_left(phone: MdmDevice) -> None:
    phone.check_out()
    for act in (orders.lock, orders.erase, orders.restart, actions.refresh, actions.unenroll):
        with pytest.raises(NotEnrolled):
            act(phone.row, actor=ACTOR)


def test_a_refresh_asks_only_what_is_not_asked_already(phone: MdmDevice) -> None:
    actions.refresh(phone.row, actor=ACTOR)
    actions.refresh(phone.row, actor=ACTOR)
    assert get_audit() == ["device.refresh"] * 2
    assert phone.answer_everything() == [
        "DeviceInformation",
        "SecurityInfo",
        "ProfileList",
        "ManagedApplicationList",
    ]


def test_an_unenrolled_device_is_told_to_remove_its_profile_first_of_all(
    phone: MdmDevice, news: News
) -> None:
    phone.answer_everything({"ProfileList": {"ProfileList": [ENROLLMENT_PROFILE]}})
    orders.restart(phone.row, actor=ACTOR)
    actions.unenroll(phone.row, actor=ACTOR)
    assert phone.row.status == "unenrolled"
    assert "administrator" in phone.row.status_reason
    command = phone.take()
    assert command is not None
    assert command["Command"] == {
        "RequestType": "RemoveProfile",
        "Identifier": "com.example.enrollment",
    }
    assert phone.take("Acknowledged", command["CommandUUID"]) is None
    assert phone.enrollment.state == "removed"
    assert phone.enrollment.push_token is None
    assert phone.check_out().status_code == 200
    assert phone.connect().status_code == 403
    assert "administrator" in phone.row.status_reason


@pytest.mark.parametrize("odd", ["\x07", "\ufffe"])
def test_a_device_is_told_in_its_own_words_when_xml_has_none_for_them(
    phone: MdmDevice, odd: str
) -> None:
    """A binary property list may call a profile so; it could not be unenrolled any more."""
    name = f"com.example{odd}enrollment"
    command = phone.take()
    while command is not None:
        message = {"Status": "Acknowledged", "CommandUUID": command["CommandUUID"], **phone.names}
        message["ProfileList"] = [ENROLLMENT_PROFILE | {"PayloadIdentifier": name}]
        body = plistlib.dumps(message, fmt=plistlib.FMT_BINARY)
        answer = phone.put(CONNECT, body)
        assert answer.status_code == 200
        command = plistlib.loads(answer.content) if answer.content else None
    actions.unenroll(phone.row, actor=ACTOR)
    farewell = phone.take()
    assert farewell is not None
    assert farewell["Command"] == {"RequestType": "RemoveProfile", "Identifier": name}


def test_a_device_that_never_told_its_profile_is_shut_out(phone: MdmDevice) -> None:
    actions.unenroll(phone.row, actor=ACTOR)
    assert phone.enrollment.state == "removed"
    assert phone.connect().status_code == 403


def test_a_removed_profile_of_another_kind_ends_nothing(phone: MdmDevice) -> None:
    phone.answer_everything({"ProfileList": {"ProfileList": [ENROLLMENT_PROFILE]}})
    parameters = {"identifier": "com.example.wifi"}
    actions.queue_command(
        phone.row, request_type="RemoveProfile", parameters=parameters, actor=ACTOR
    )
    phone.answer_everything()
    assert phone.enrollment.state == "live"


def test_another_group_is_news_once(phone: MdmDevice, news: News) -> None:
    group = create_group("Sales", actor=ACTOR)
    actions.assign_group(phone.row, group=group, actor=ACTOR)
    actions.assign_group(phone.row, group=group, actor=ACTOR)
    assert phone.row.group == group
    assert len(news["device_group_changed"]) == 1


def test_a_name_and_an_owner_are_noted(phone: MdmDevice) -> None:
    actions.update_device(phone.row, name="Front desk", actor=ACTOR)
    actions.update_device(phone.row, owner="Ada", actor=ACTOR)
    assert (phone.row.name, phone.row.owner) == ("Front desk", "Ada")


def test_nothing_is_noted_when_name_owner_and_group_stay_as_they_are(phone: MdmDevice) -> None:
    before, row = AuditEntry.objects.count(), phone.row
    actions.update_device(row, name=row.name, owner=row.owner, group=row.group, actor=ACTOR)
    assert AuditEntry.objects.count() == before


def test_the_name_goes_when_the_device_gets_another_owner(phone: MdmDevice) -> None:
    Device.objects.update(owner="ann@example.com", owner_name="Ann Lee")
    actions.update_device(phone.row, owner="ann@example.com", actor=ACTOR)
    assert phone.row.owner_name == "Ann Lee"
    actions.update_device(phone.row, owner="bob@example.com", actor=ACTOR)
    assert phone.row.owner_name == ""


def test_a_warning_is_gone_when_somebody_has_looked(make_device: MakeDevice) -> None:
    first = make_device(serial="S").enroll()
    make_device(serial="S").enroll()
    actions.dismiss_warning(first.row, warning=first.row.warning, actor=ACTOR)
    assert first.row.warning == ""
    assert get_audit() == ["device.dismiss_warning"]


def test_a_shared_serial_is_not_told_daily_when_somebody_has_looked(
    make_device: MakeDevice,
) -> None:
    first, second = make_device(serial="S").enroll(), make_device(serial="S").enroll()
    actions.dismiss_warning(first.row, warning=first.row.warning, actor=ACTOR)
    first.answer_everything()
    second.answer_everything()
    assert (first.row.warning, bool(second.row.warning)) == ("", True)
    third = make_device(serial="S").enroll()
    assert third.udid in first.row.warning


def test_a_cancelled_command_is_not_handed_out(phone: MdmDevice) -> None:
    phone.answer_everything()
    command = orders.restart(phone.row, actor=ACTOR)
    assert actions.cancel_command(command, actor=ACTOR).state == "cancelled"
    assert phone.take() is None
    with pytest.raises(CommandOver, match="cancelled"):
        actions.cancel_command(command, actor=ACTOR)
    assert get_audit().count("command.cancel") == 1


def test_progress_does_not_bring_back_a_device_that_left(phone: MdmDevice, news: News) -> None:
    phone.check_out()
    news["device_status_changed"].clear()
    for status in ("enrolled", "managed"):
        assert not set_status(phone.row, status=status)
    assert phone.row.status == "unenrolled"
    assert not news["device_status_changed"]


def test_a_status_is_news_only_when_it_changes(phone: MdmDevice, news: News) -> None:
    news["device_status_changed"].clear()
    assert set_status(phone.row, status="managed")
    assert not set_status(phone.row, status="managed")
    assert set_status(phone.row, status="enrolled", reason="1 of 3 items failed")
    assert len(news["device_status_changed"]) == 2
    assert phone.row.status_reason == "1 of 3 items failed"


def test_a_group_with_devices_is_not_deleted(phone: MdmDevice) -> None:
    with pytest.raises(GroupInUse, match="devices"):
        delete_group(phone.group, actor=ACTOR)
    group = create_group("Empty", description="x", actor=ACTOR)
    update_group(group, name="Still empty", description="", lists_all_apps=False, actor=ACTOR)
    delete_group(group, actor=ACTOR)
    assert not Group.objects.filter(name__contains="mpty").exists()
    assert set(get_audit()) == {"group.create", "group.update", "group.delete"}


def test_deleting_a_group_that_its_devices_have_left_touches_none_of_them(
    phone: MdmDevice,
) -> None:
    """Their rows are not locked: with 50,000 of them, none waits for the administrator."""
    left, group = phone.group, create_group("New", actor=ACTOR)
    Enrollment.objects.update(group=left)
    actions.assign_group(phone.row, group=group, actor=ACTOR)
    delete_group(left, actor=ACTOR)
    assert phone.enrollment.group_id is not None
    (enrollment,) = list_enrollments(phone.row)
    assert enrollment.group is None
    assert phone.token_update().status_code == 200
    assert phone.row.group == group
    assert phone.connect().status_code == 200


def test_a_device_that_is_enrolling_joins_no_group_that_was_deleted(
    phone: MdmDevice, make_device: MakeDevice
) -> None:
    joining = create_group("Joining", actor=ACTOR)
    again = make_device(udid=phone.udid)
    assert again.authenticate().status_code == 200
    newest = Enrollment.objects.filter(state="authenticated")
    assert newest.update(group=joining) == 1
    delete_group(joining, actor=ACTOR)
    assert again.token_update().status_code == 200
    assert phone.row.group == phone.group


def test_a_profile_goes_out_byte_by_byte_as_it_came(phone: MdmDevice) -> None:
    import base64

    phone.answer_everything()
    payload = make_mobileconfig().replace(b"\n", b"\r\n\t")
    actions.queue_command(
        phone.row,
        request_type="InstallProfile",
        parameters={"payload": base64.b64encode(payload).decode()},
        actor=ACTOR,
    )
    answer = plistlib.loads(phone.connect().content)
    assert answer["Command"]["Payload"] == payload
