"""Users of Macs: a token and a queue of their own, which never touch the device's (CHK 7, 8)."""

import plistlib
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from devices.errors import CommandNotObeyable
from devices.models import Command, Enrollment, UserChannel
from devices.selectors import get_command_body
from devices.services.actions import dismiss_warning, queue_command
from devices.services.queue import enqueue
from tests.devices.conftest import MakeDevice, News
from tests.devices.mdm_device import CHECKIN, MdmDevice
from tests.devices.mdm_user import MdmUser

SHARED_IPAD = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"
TABLES = (Enrollment, UserChannel, Command)


@pytest.fixture(autouse=True)
def wanted(settings: Any) -> None:
    settings.MDM_USER_CHANNEL = True


@pytest.fixture
def mac(make_device: MakeDevice) -> MdmDevice:
    device = make_device(product="Mac14,2").enroll()
    device.answer_everything()
    return device


@pytest.fixture
def user(mac: MdmDevice) -> MdmUser:
    return MdmUser(mac).log_in()


def queue_for(user: MdmUser, request_type: str = "ProfileList", **parameters: Any) -> Command:
    device = user.device.row
    return queue_command(
        device,
        request_type=request_type,
        parameters=parameters,
        actor="tests",
        user=user.row.public_id,
    )


def test_a_users_token_update_opens_a_channel_beside_the_devices(
    mac: MdmDevice, news: News
) -> None:
    before = mac.enrollment
    user = MdmUser(mac)
    assert user.token_update().status_code == 200
    row = user.row
    assert (row.push_token, row.push_magic) == (user.token, user.magic.encode())
    assert (row.short_name, row.long_name, row.not_on_console) == ("anna", "Anna Example", False)
    assert (row.token_update_count, row.ended_at) == (1, None)
    after = mac.enrollment
    assert (after.push_token, after.push_magic, after.token_update_count) == (
        before.push_token,
        before.push_magic,
        before.token_update_count,
    )
    assert after.last_seen_at == before.last_seen_at
    assert not news["device_enrolled"]


def test_a_users_tokens_are_sealed(user: MdmUser) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT push_token, push_magic FROM devices_userchannel")
        [stored] = cursor.fetchall()
    assert user.token not in bytes(stored[0])
    assert user.magic.encode() not in bytes(stored[1])


def test_a_second_token_update_changes_the_same_channel(user: MdmUser) -> None:
    user.token = b"n" * 32
    assert user.token_update(UserLongName="", NotOnConsole=True).status_code == 200
    row = user.row
    assert (row.push_token, row.token_update_count) == (b"n" * 32, 2)
    assert (row.long_name, row.not_on_console) == ("Anna Example", True)


def test_a_users_token_does_not_enroll_the_device(make_device: MakeDevice) -> None:
    mac = make_device(product="Mac14,2")
    mac.authenticate()
    user = MdmUser(mac).log_in()
    assert mac.row.status == "pending"
    assert mac.connect(**user.names).status_code == 403
    mac.token_update()
    assert mac.row.status == "enrolled"
    assert user.take() is None


def test_each_channel_gets_its_own_commands(user: MdmUser, mac: MdmDevice) -> None:
    other = MdmUser(mac, short_name="ben").log_in()
    mine = queue_for(user)
    devices = enqueue(mac.enrollment, command={"RequestType": "RestartDevice"})
    assert other.take() is None
    command = user.take()
    assert command is not None
    assert (command["CommandUUID"], command["Command"]["RequestType"]) == (mine.uuid, "ProfileList")
    assert user.take("Acknowledged", mine.uuid, ProfileList=[]) is None
    command = mac.take()
    assert command is not None
    assert command["CommandUUID"] == devices.uuid


def test_a_users_answer_teaches_nothing_about_the_device(user: MdmUser, mac: MdmDevice) -> None:
    before = mac.enrollment.profiles_reported_at
    mine = queue_for(user)
    user.take()
    user.take("Acknowledged", mine.uuid, ProfileList=[{"PayloadIdentifier": "of the user"}])
    mine.refresh_from_db()
    assert mine.state == "acknowledged"
    assert mine.result["ProfileList"] == [{"PayloadIdentifier": "of the user"}]
    assert mac.enrollment.profiles_reported_at == before
    assert mac.enrollment.reported_profiles == []


def test_no_channel_finishes_anothers_command(user: MdmUser, mac: MdmDevice) -> None:
    other = MdmUser(mac, short_name="ben").log_in()
    mine = queue_for(user)
    devices = enqueue(mac.enrollment, command={"RequestType": "RestartDevice"})
    user.take("Acknowledged", devices.uuid)
    other.take("Acknowledged", mine.uuid)
    mac.take("Acknowledged", mine.uuid)
    states = dict(Command.objects.values_list("uuid", "state"))
    assert states[mine.uuid] == states[devices.uuid] == "sent"  # each to its own channel


def test_not_now_of_a_user_ends_with_the_users_next_session_alone(
    user: MdmUser, mac: MdmDevice
) -> None:
    mine = queue_for(user)
    user.take()
    assert user.take("NotNow", mine.uuid) is None
    assert mac.take() is None
    mine.refresh_from_db()
    assert mine.state == "not_now"
    again = user.take()
    assert again is not None
    assert again["CommandUUID"] == mine.uuid


def test_a_command_of_which_one_is_enough_waits_once_on_each_channel(
    user: MdmUser, mac: MdmDevice
) -> None:
    first, second = queue_for(user), queue_for(user)
    devices = queue_command(
        mac.row, request_type="ProfileList", parameters={}, actor="tests", user=""
    )
    assert first == second != devices


def test_a_user_without_a_token_update_gets_nothing(mac: MdmDevice) -> None:
    stranger = MdmUser(mac)
    enqueue(mac.enrollment, command={"RequestType": "RestartDevice"})
    assert stranger.take() is None
    assert stranger.take("Acknowledged", "x") is None
    assert not UserChannel.objects.exists()


def test_check_out_of_a_user_ends_that_channel_alone(user: MdmUser, mac: MdmDevice) -> None:
    other = MdmUser(mac, short_name="ben").log_in()
    mine, others = queue_for(user), queue_for(other)
    devices = enqueue(mac.enrollment, command={"RequestType": "RestartDevice"})
    for _ in range(2):
        assert user.check_in("CheckOut").status_code == 200
    row = user.row
    assert (row.push_token, row.push_magic) == (None, None)
    assert row.ended_at is not None
    states = dict(Command.objects.values_list("uuid", "state"))
    assert states[mine.uuid] == "cancelled"
    assert states[others.uuid] == states[devices.uuid] == "queued"
    assert user.take() is None
    assert mac.row.status == "enrolled"
    user.log_in()
    assert user.row.ended_at is None
    assert UserChannel.objects.count() == 2


def test_users_channels_end_with_the_enrollment(user: MdmUser, mac: MdmDevice) -> None:
    mine = queue_for(user)
    mac.check_out()
    row = user.row
    assert row.ended_at is not None
    assert row.push_token is None
    mine.refresh_from_db()
    assert mine.state == "cancelled"
    assert user.check_in("CheckOut").status_code == 200
    assert user.token_update().status_code == 403
    assert user.check_in("UserAuthenticate").status_code == 403
    assert user.row.push_token is None


def test_a_new_enrollment_inherits_no_user(user: MdmUser, make_device: MakeDevice) -> None:
    old = user.device
    new = make_device(udid=old.udid, serial=old.serial, product="Mac14,2").enroll()
    assert user.row.ended_at is not None
    again = MdmUser(new, user_id=user.user_id)
    assert again.take() is None
    assert not UserChannel.objects.filter(enrollment=new.enrollment).exists()


def test_everybody_on_a_shared_ipad_is_nobody(make_device: MakeDevice) -> None:
    ipad = make_device(product="iPad13,4").enroll()
    user = MdmUser(ipad, user_id=SHARED_IPAD)
    assert user.token_update().status_code == 200
    assert user.take() is None
    assert user.check_in("UserAuthenticate").status_code == 410
    assert not UserChannel.objects.exists()


def test_a_users_channel_is_granted_by_an_empty_challenge(mac: MdmDevice) -> None:
    user = MdmUser(mac)
    first = user.check_in("UserAuthenticate")
    assert first.status_code == 200
    assert plistlib.loads(first.content) == {"DigestChallenge": ""}
    second = user.check_in("UserAuthenticate", DigestResponse='Digest username="anna"')
    assert (second.status_code, second.content) == (200, b"")
    assert not UserChannel.objects.exists()


def test_messages_that_are_not_for_users_are_acknowledged(user: MdmUser, mac: MdmDevice) -> None:
    Enrollment.objects.update(bootstrap_token=b"escrowed")
    assert user.check_in("SetBootstrapToken", BootstrapToken=b"mine").content == b""
    assert user.check_in("GetBootstrapToken").content == b""
    assert mac.enrollment.bootstrap_token == b"escrowed"


def test_a_device_does_not_invent_users_without_end(
    mac: MdmDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.services.user_channels.MOST_USERS", 2)
    users = [MdmUser(mac, short_name=f"user{number}").log_in() for number in range(3)]
    assert UserChannel.objects.count() == 2
    assert not UserChannel.objects.filter(user_id=users[0].user_id).exists()


def test_users_not_seen_for_longest_make_room_and_the_administrator_is_told(
    mac: MdmDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Mac of a lecture hall: whoever works at it today can be reached."""
    monkeypatch.setattr("devices.services.user_channels.MOST_USERS", 3)
    gone, long_ago, today = (MdmUser(mac, short_name=name).log_in() for name in "abc")
    gone.check_in("CheckOut")
    queue_for(long_ago)
    assert not mac.row.warning
    UserChannel.objects.filter(user_id=long_ago.user_id).update(
        last_seen_at=timezone.now() - timedelta(days=200)
    )
    first, second = (MdmUser(mac, short_name=name).log_in() for name in "de")
    kept = set(UserChannel.objects.values_list("user_id", flat=True))
    assert kept == {today.user_id, first.user_id, second.user_id}
    assert second.take() is None
    assert queue_for(second).user_channel == second.row
    assert "More than 3 users" in mac.row.warning


def test_what_is_for_the_mac_alone_does_not_go_to_its_users(user: MdmUser) -> None:
    with pytest.raises(CommandNotObeyable, match="the device's channel"):
        queue_for(user, "Settings.ApplicationConfiguration", identifier="com.example.app")
    queries = get_command_body(queue_for(user, "DeviceInformation"))["Queries"]
    assert "DeviceName" in queries
    assert not {"ActiveManagedUsers", "EACSPreflight"} & set(queries)


def test_the_warning_of_many_users_stays_away_when_it_was_dismissed(
    mac: MdmDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Mac of a lecture hall: each further student brought it back."""
    monkeypatch.setattr("devices.services.user_channels.MOST_USERS", 1)
    for name in "ab":
        MdmUser(mac, short_name=name).log_in()
    assert mac.row.warning
    dismiss_warning(mac.row, warning=mac.row.warning, actor="ada")
    MdmUser(mac, short_name="c").log_in()
    assert mac.row.warning == ""


def test_presence_of_a_user_is_noted_to_the_minute(user: MdmUser) -> None:
    long_ago, other = timezone.now() - timedelta(hours=1), MdmUser(user.device).log_in()
    UserChannel.objects.update(last_seen_at=long_ago, push_attempts=3)
    devices = user.device.row.last_seen_at
    user.take()
    row = user.row
    assert row.last_seen_at is not None
    assert row.last_seen_at > long_ago
    assert row.push_attempts == 0
    assert user.device.row.last_seen_at == devices
    assert (other.row.last_seen_at, other.row.push_attempts) == (long_ago, 3)


def test_nothing_is_stored_of_users_when_they_get_no_channel(mac: MdmDevice, settings: Any) -> None:
    settings.MDM_USER_CHANNEL = False
    user = MdmUser(mac)
    before = [list(table.objects.values()) for table in TABLES]
    assert user.token_update().status_code == 200
    assert user.take() is None
    assert user.check_in("CheckOut").status_code == 200
    status = user.check_in("DeclarativeManagement", Endpoint="status", Data=b"{}")
    assert status.status_code == 200
    assert user.check_in("UserAuthenticate").status_code == 410
    assert [list(table.objects.values()) for table in TABLES] == before


MISTYPED: list[dict[str, Any]] = [
    {"UserID": 7},
    {"UserID": "x" * 65},
    {"UserShortName": ["anna"]},
    {"UserLongName": b"Anna"},
    {"NotOnConsole": "no"},
    {"NotOnConsole": 1},
    {"Token": "text"},
    {"PushMagic": b"magic"},
    {"AwaitingConfiguration": "yes"},
]


def test_a_mistyped_message_of_a_user_touches_nothing(mac: MdmDevice, news: News) -> None:
    for change in MISTYPED:
        assert MdmUser(mac).token_update(**change).status_code == 400, change
        refusal = news["device_message_refused"].pop()
        assert refusal["code"] == "message_malformed"
    assert not UserChannel.objects.exists()


def test_a_mistyped_user_authenticate_is_400(mac: MdmDevice, news: News) -> None:
    for key in ("UserID", "DigestResponse"):
        assert MdmUser(mac).check_in("UserAuthenticate", **{key: 5}).status_code == 400
    message = mac.message("UserAuthenticate", DigestResponse="")
    assert mac.put(CHECKIN, message).status_code == 400
    assert len(news["device_message_refused"]) == 3


@pytest.mark.parametrize("key", ["UserID", "EnrollmentUserID"])
def test_a_message_of_an_empty_user_is_400_and_not_the_devices(mac: MdmDevice, key: str) -> None:
    """Taken for the device's own, it would end the enrollment or change where pushes go."""
    queue_command(mac.row, request_type="ProfileList", parameters={}, actor="tests")
    before = [list(table.objects.values()) for table in TABLES]
    nobody = {key: "", "UserShortName": "anna"}
    update = mac.message("TokenUpdate", Token=b"t" * 32, PushMagic="m", **nobody)
    bootstrap_token = mac.message("SetBootstrapToken", **nobody)
    for message in (mac.message("CheckOut", **nobody), update, bootstrap_token):
        assert mac.put(CHECKIN, message).status_code == 400, message["MessageType"]
    assert mac.connect(**nobody).status_code == 400
    assert [list(table.objects.values()) for table in TABLES] == before


@pytest.mark.parametrize("name", ["UserShortName", "UserLongName"])
def test_a_message_with_a_users_name_alone_is_400_and_not_the_devices(
    mac: MdmDevice, name: str
) -> None:
    before = [list(table.objects.values()) for table in TABLES]
    update = mac.message("TokenUpdate", Token=b"t" * 32, PushMagic="m", **{name: "anna"})
    for message in (mac.message("CheckOut", **{name: "anna"}), update):
        assert mac.put(CHECKIN, message).status_code == 400, message["MessageType"]
    assert mac.connect(**{name: "anna"}).status_code == 400
    assert [list(table.objects.values()) for table in TABLES] == before
    assert mac.connect(**{name: ""}).status_code == 200
