"""Authenticate, TokenUpdate, CheckOut: R2, D3 and what they leave behind."""

import plistlib
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Command, Device, Enrollment, Group
from devices.selectors import list_commands, list_secrets
from devices.services.actions import assign_group, dismiss_warning, reveal_pin
from devices.services.escrow import find_secret, keep_secret, reveal_secret
from devices.services.status import set_status
from tests.devices import orders
from tests.devices.conftest import MakeDevice, News
from tests.devices.mdm_device import CHECKIN


def test_authenticate_makes_a_pending_device_in_its_group(
    make_device: MakeDevice, news: News
) -> None:
    device = make_device(product="iPad13,4")
    assert device.authenticate().content == b""
    row = device.row
    assert (row.status, row.platform, row.group) == ("pending", "ipados", device.group)
    assert (row.serial_number, row.os_version) == (device.serial, "18.1")
    assert device.enrollment.state == "authenticated"
    assert [each["enrollment"] for each in news["device_authenticated"]] == [device.enrollment]
    assert not news["device_enrolled"]


def test_the_first_token_update_enrolls_and_asks_three_questions(
    make_device: MakeDevice, news: News
) -> None:
    device = make_device().enroll()
    assert device.row.status == "enrolled"
    assert device.row.enrolled_at is not None
    [enrolled] = news["device_enrolled"]
    assert (enrolled["enrollment"], enrolled["renewed"]) == (device.enrollment, False)
    assert not news["device_reenrolled"]
    assert device.answer_everything() == ["DeviceInformation", "SecurityInfo", "ProfileList"]


@pytest.mark.parametrize("is_known", [False, True], ids=["new", "enrolled long ago"])
def test_a_device_is_here_from_its_first_message_on(
    make_device: MakeDevice, is_known: bool
) -> None:
    device = make_device()
    if is_known:
        device = reenroll(make_device, device.enroll())
        Device.objects.update(last_seen_at=timezone.now() - timedelta(days=3))
    before = timezone.now()
    device.authenticate()
    assert device.enrollment.last_seen_at == device.row.last_seen_at
    assert device.row.last_seen_at is not None
    assert device.row.last_seen_at >= before


def test_an_authenticate_twice_or_late_changes_nothing(make_device: MakeDevice, news: News) -> None:
    device = make_device()
    assert device.authenticate().status_code == 200
    assert device.authenticate(challenge="used up by now").status_code == 200
    device.token_update()
    before = device.enrollment
    assert device.authenticate(challenge="", OSVersion="18.2").status_code == 200
    assert device.row.os_version == "18.2"  # but for what it says of itself
    after = device.enrollment
    assert (after.pk, after.state, after.push_token) == (before.pk, "live", device.token)
    assert device.row.status == "enrolled"
    assert Enrollment.objects.count() == 1
    assert len(news["device_authenticated"]) == 1


def test_a_device_tells_what_it_has_when_its_profile_is_installed_again(
    make_device: MakeDevice,
) -> None:
    """Removed offline and installed again from the same file: nobody said that all was gone."""
    device = make_device().enroll()
    device.answer_everything()
    for _ in range(2):  # either may come twice
        assert device.authenticate().status_code == 200
        assert device.token_update().status_code == 200
    assert device.answer_everything() == ["DeviceInformation", "SecurityInfo", "ProfileList"]


def test_later_token_updates_only_change_where_pushes_go(
    make_device: MakeDevice, news: News
) -> None:
    device = make_device()
    device.authenticate()
    device.token_update(UnlockToken=b"unlock me")
    set_status(device.row, status="managed")
    device.token, device.magic = b"\x07" * 32, "NEW"
    assert device.token_update().status_code == 200
    enrollment = device.enrollment
    assert (enrollment.push_token, enrollment.push_magic) == (b"\x07" * 32, b"NEW")
    assert enrollment.unlock_token == b"unlock me"
    assert enrollment.token_update_count == 2
    assert device.row.status == "managed"
    assert len(news["device_enrolled"]) == 1
    assert Command.objects.count() == 3


def test_a_token_update_before_authenticate_is_refused_and_no_harm_to_it(
    make_device: MakeDevice,
) -> None:
    device = make_device()
    assert device.token_update().status_code == 403
    device.enroll()
    assert device.row.status == "enrolled"


@pytest.mark.parametrize("key", ["UserID", "EnrollmentUserID"])
def test_a_users_token_is_not_the_devices(make_device: MakeDevice, key: str) -> None:
    device = make_device().enroll()
    user = {key: "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "Token": b"u" * 32, "PushMagic": "U"}
    assert device.token_update(**user).status_code == 200
    enrollment = device.enrollment
    assert (enrollment.push_token, enrollment.push_magic) == (device.token, device.magic.encode())
    assert enrollment.token_update_count == 1
    assert device.connect("Idle", UserID="F").content == b""
    leaving = device.message("CheckOut", UserID="F")
    assert device.put(CHECKIN, leaving).status_code == 200
    assert device.row.status == "enrolled"


def test_a_users_channel_is_declined(make_device: MakeDevice, news: News) -> None:
    device = make_device().enroll()
    asking = device.message("UserAuthenticate", UserID="U", DigestResponse="")
    assert device.put(CHECKIN, asking).status_code == 410
    assert device.row.status == "enrolled"


def test_check_out_ends_everything_and_twice_is_once(make_device: MakeDevice, news: News) -> None:
    device = make_device().enroll()
    assert device.check_out().status_code == 200
    assert device.check_out().status_code == 200
    enrollment = device.enrollment
    assert (enrollment.state, enrollment.push_token, enrollment.push_magic) == (
        "checked_out",
        None,
        None,
    )
    assert device.row.status == "unenrolled"
    assert set(Command.objects.values_list("state", flat=True)) == {"cancelled"}
    assert len(news["device_checked_out"]) == 1


@pytest.mark.parametrize("late", ["authenticate", "token_update", "connect"])
def test_whatever_comes_after_check_out_is_refused(make_device: MakeDevice, late: str) -> None:
    device = make_device().enroll()
    device.check_out()
    assert getattr(device, late)().status_code == 403
    assert device.row.status == "unenrolled"
    assert device.enrollment.push_token is None


def test_a_refused_device_leaves_no_trace(make_device: MakeDevice, news: News) -> None:
    device = make_device()
    assert device.authenticate(challenge="forged").status_code == 403
    assert not Device.objects.exists()
    assert [refusal["code"] for refusal in news["device_message_refused"]] == [
        "token_signature_invalid"
    ]
    assert device.authenticate().status_code == 200


def test_a_bootstrap_token_is_kept_given_back_and_taken_away(make_device: MakeDevice) -> None:
    device = make_device(product="Mac14,2").enroll()
    get = device.message("GetBootstrapToken")
    assert device.put(CHECKIN, get).content == b""
    device.put(CHECKIN, device.message("SetBootstrapToken", BootstrapToken=b"secret"))
    assert plistlib.loads(device.put(CHECKIN, get).content) == {"BootstrapToken": b"secret"}
    device.put(CHECKIN, device.message("SetBootstrapToken"))
    assert device.put(CHECKIN, get).content == b""


def test_two_devices_with_one_serial_are_both_flagged_and_not_merged(
    make_device: MakeDevice,
) -> None:
    first, second = make_device(serial="C02ABC").enroll(), make_device(serial="C02ABC").enroll()
    assert second.udid in first.row.warning
    assert first.udid in second.row.warning
    assert Device.objects.count() == 2


# D4: the same device with another certificate.


def reenroll(make_device: MakeDevice, old: Any, **facts: Any) -> Any:
    return make_device(udid=old.udid, serial=old.serial, **facts)


def test_the_old_enrollment_lives_until_the_new_token_update(
    make_device: MakeDevice, news: News
) -> None:
    old = make_device()
    old.authenticate()
    old.token_update(UnlockToken=b"unlock")
    old.answer_everything()
    other_group = Group.objects.create(name="Sales")
    new = reenroll(make_device, old, group=other_group, product="Mac14,2")
    assert new.authenticate().status_code == 200
    assert old.connect().status_code == 200
    assert (old.row.status, old.row.group, old.row.platform) == ("enrolled", old.group, "ios")
    assert new.token_update().status_code == 200
    assert (old.enrollment.state, new.enrollment.state) == ("superseded", "live")
    assert old.row.group == other_group
    assert new.enrollment.unlock_token is None
    assert [each["renewed"] for each in news["device_enrolled"]] == [False, True]
    assert [each["enrollment"] for each in news["device_reenrolled"]] == [new.enrollment]
    assert len(news["device_group_changed"]) == 1


def test_an_unproved_authenticate_changes_no_fact_when_it_comes_twice(
    make_device: MakeDevice,
) -> None:
    old = make_device().enroll()
    new = reenroll(make_device, old, product="Mac14,2")
    for _ in range(2):
        answer = new.authenticate(SerialNumber="ANOTHER", DeviceName="Another", OSVersion="1.0")
        assert answer.status_code == 200
    row = old.row
    assert (row.serial_number, row.os_version, row.platform) == (old.serial, "18.1", "ios")


def test_the_owner_changes_with_the_new_token_update_when_one_is_known(
    make_device: MakeDevice,
) -> None:
    old = make_device()
    old.authenticate(challenge=f"group-{old.group.pk}-ann")
    assert (old.row.owner, old.row.owner_name) == ("ann@example.com", "ann")
    old.token_update()
    new = reenroll(make_device, old)
    new.authenticate(challenge=f"group-{new.group.pk}-bob")
    assert old.row.owner == "ann@example.com"
    new.token_update()
    assert (old.row.owner, old.row.owner_name) == ("bob@example.com", "bob")
    reenroll(make_device, old).enroll()
    assert old.row.owner == "bob@example.com"


def test_the_tokens_group_wins_and_is_told_when_the_device_was_moved_by_hand(
    make_device: MakeDevice,
) -> None:
    old = make_device().enroll()
    moved = Group.objects.create(name="Moved by hand")
    assign_group(old.row, group=moved, actor="a")
    new = reenroll(make_device, old)
    new.authenticate()
    assert (old.row.group, old.row.warning) == (moved, "")
    new.token_update()
    assert old.row.group == new.group
    assert "“Moved by hand”" in old.row.warning
    assert f"“{new.group}”" in old.row.warning
    dismiss_warning(old.row, warning=old.row.warning, actor="a")
    reenroll(make_device, old, group=moved).enroll()  # a token of its own moved it this time
    assert (old.row.group, old.row.warning) == (moved, "")


def test_a_worse_warning_stays_when_the_device_is_brought_back(make_device: MakeDevice) -> None:
    old = make_device().enroll()
    assign_group(old.row, group=Group.objects.create(name="Moved by hand"), actor="a")
    Device.objects.update(warning="Something worse.")
    new = reenroll(make_device, old).enroll()
    assert (new.row.group, new.row.warning) == (new.group, "Something worse.")


def test_facts_are_asked_for_anew_when_the_device_enrolls_again(make_device: MakeDevice) -> None:
    old = make_device().enroll()
    old.answer_everything()
    new = reenroll(make_device, old, product="iPhone17,1")
    new.authenticate(OSVersion="26.1")
    new.token_update()
    assert old.row.os_version == "18.1"  # what an unproved message said is asked for
    command = new.take()
    assert command is not None
    assert command["Command"]["RequestType"] == "DeviceInformation"
    new.take("Acknowledged", command["CommandUUID"], QueryResponses={"OSVersion": "26.1"})
    assert new.row.os_version == "26.1"


def test_secrets_of_an_earlier_enrollment_are_history_and_not_inherited(
    make_device: MakeDevice,
) -> None:
    old = make_device(product="Mac14,2").enroll()
    old.put(CHECKIN, old.message("SetBootstrapToken", BootstrapToken=b"secret"))
    keep_secret(old.enrollment, kind="recovery_lock", value="letmein", confirmed_at=timezone.now())
    locked = orders.lock(old.row, pin="123456", actor="a")
    assert old.take() is not None  # the lock: the device has it in hand
    new = reenroll(make_device, old, product="Mac14,2").enroll()
    assert new.put(CHECKIN, new.message("GetBootstrapToken")).content == b""
    assert (old.enrollment.bootstrap_token, old.enrollment.unlock_token) == (None, None)
    assert find_secret(new.enrollment, kind="recovery_lock") == ""
    [kept] = list_secrets(new.row)
    assert reveal_secret(kept, actor="a") == "letmein"
    locked.refresh_from_db()
    assert (locked.state, reveal_pin(locked, actor="a")) == ("cancelled", "123456")
    assert locked in list_commands(new.row)


def test_a_new_enrollment_inherits_no_command(make_device: MakeDevice) -> None:
    old = make_device().enroll()
    waiting = set(Command.objects.values_list("uuid", flat=True))
    new = reenroll(make_device, old).enroll()
    assert set(old.enrollment.commands.values_list("state", flat=True)) == {"cancelled"}
    command = new.take()
    assert command is not None
    assert command["CommandUUID"] not in waiting


@pytest.mark.parametrize("speak", ["connect", "authenticate"])
def test_both_are_flagged_when_the_old_certificate_speaks_again(
    make_device: MakeDevice, news: News, speak: str
) -> None:
    old = make_device().enroll()
    reenroll(make_device, old).enroll()
    assert old.row.warning == ""
    assert getattr(old, speak)().status_code == 403
    assert "different certificates" in old.row.warning
    assert news["device_message_refused"][0]["code"] == "identity_not_trusted"
    assert old.row.status == "enrolled"


def test_a_device_that_left_comes_back_with_its_history(
    make_device: MakeDevice, news: News
) -> None:
    old = make_device().enroll()
    old.check_out()
    new = reenroll(make_device, old)
    new.authenticate()
    assert new.row.status == "pending"
    new.token_update()
    assert new.row.pk == old.row.pk
    assert new.row.status == "enrolled"
    assert new.row.enrollments.count() == 2
    assert news["device_enrolled"][-1]["renewed"] is False
    assert len(news["device_reenrolled"]) == 1


def test_a_check_out_of_the_old_enrollment_does_not_end_the_new_one(
    make_device: MakeDevice,
) -> None:
    old = make_device().enroll()
    new = reenroll(make_device, old).enroll()
    assert old.check_out().status_code == 200
    assert new.row.status == "enrolled"
    assert new.connect().status_code == 200


def test_topic_stays_when_a_token_update_names_another(make_device: MakeDevice) -> None:
    device = make_device().enroll()
    topic = device.enrollment.topic
    assert device.token_update(Topic="com.apple.mgmt.other").status_code == 200
    assert device.enrollment.topic == topic
