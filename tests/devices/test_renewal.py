"""R7: identities are renewed in time, unattended; what goes wrong is shown and tried again."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Command, Device, Enrollment
from devices.services.actions import cancel_command, unenroll
from devices.services.identities.renewal import settle_renewals, start_due_renewals, start_renewal
from devices.services.queue import enqueue
from devices.tasks import sweep_renewals
from scep.models import IssuedCertificate
from scep.services.issuance import revoke_certificate
from tests.devices.conftest import MakeDevice, News, PassTime
from tests.devices.mdm_device import MdmDevice
from tests.devices.renewal import install, make_due

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def device(make_device: MakeDevice, settings: Any) -> MdmDevice:
    settings.MDM_RENEWAL_PROFILE = "tests.devices.renewal.build"
    device = make_device().enroll()
    device.answer_everything()
    Command.objects.all().delete()
    return device


def start(device: MdmDevice) -> Command:
    make_due(device)
    assert start_due_renewals(now=timezone.now()) == 1
    return Command.objects.get(uuid=device.enrollment.renewal_command_uuid)


def take_payload(device: MdmDevice) -> tuple[str, bytes]:
    command = device.take()
    assert command is not None
    assert command["Command"]["RequestType"] == "InstallProfile"
    return command["CommandUUID"], command["Command"]["Payload"]


def sweep(*, after: timedelta = timedelta(0)) -> int:
    """Both halves of the sweep; returns how many renewals it started."""
    now = timezone.now() + after
    settle_renewals(now=now)
    return start_due_renewals(now=now)


def count_renewals(device: MdmDevice) -> int:
    rows = Command.objects.filter(enrollment__device__udid=device.udid, origin="renewal")
    return rows.count()


@pytest.mark.parametrize(("days", "expected"), [(10, 1), (120, 1), (124, 0), (300, 0)])
def test_one_renewal_is_queued_when_the_certificate_is_in_its_window(
    device: MdmDevice, days: int, expected: int
) -> None:
    make_due(device, days=days)
    for _ in range(3):
        sweep_renewals()
    assert count_renewals(device) == expected
    assert (device.enrollment.renewal_started_at is not None) == bool(expected)


def test_a_certificate_that_lacks_the_devices_attributes_is_renewed_at_once(
    device: MdmDevice,
) -> None:
    assert sweep() == 0
    IssuedCertificate.objects.update(lacks_attributes=True)
    assert sweep() == 1


def test_a_device_is_renewed_unattended(device: MdmDevice, news: News) -> None:
    start(device)
    uuid, payload = take_payload(device)
    device.identity = install(payload)
    device.token_update()
    assert device.take("Acknowledged", uuid) is None
    enrollment = device.enrollment
    assert Command.objects.get(uuid=uuid).state == "acknowledged"
    assert (enrollment.renewal_started_at, enrollment.renewal_command_uuid) == (None, "")
    assert (enrollment.renewal_attempts, enrollment.renewal_error) == (0, "")
    assert not news["renewal_failed"]
    assert sweep() == 0
    assert device.take() is None


def test_the_acknowledgement_may_come_before_the_new_identity_speaks(device: MdmDevice) -> None:
    start(device)
    uuid, payload = take_payload(device)
    assert device.take("Acknowledged", uuid) is None
    assert sweep() == 0
    old, device.identity = device.identity, install(payload)
    device.token_update()
    assert old.row is not None
    assert device.enrollment.previous_certificate_sha256 == old.row.fingerprint
    assert sweep() == 0


def test_an_acknowledgement_by_the_old_identity_counts_after_the_new_one_has_spoken(
    device: MdmDevice,
) -> None:
    start(device)
    uuid, payload = take_payload(device)
    old, new = device.identity, install(payload)
    device.identity = new
    device.token_update()
    device.identity = old
    assert device.take("Acknowledged", uuid) is None
    assert Command.objects.get(uuid=uuid).state == "acknowledged"
    device.identity = new
    assert device.enrollment.state == "live"


def test_a_renewal_whose_acknowledgement_was_lost_is_not_handed_out_again(
    device: MdmDevice, pass_time: PassTime
) -> None:
    start(device)
    uuid, payload = take_payload(device)
    device.identity = install(payload)
    device.token_update()
    pass_time(10 * timedelta(minutes=1))
    assert device.take() is None
    assert Command.objects.get(uuid=uuid).state == "acknowledged"


def test_nothing_of_the_profile_is_stored(device: MdmDevice) -> None:
    command = start(device)
    take_payload(device)
    command.refresh_from_db()
    assert b"Payload" not in (command.body or b"")
    assert command.result == {}


def test_each_handing_out_brings_another_identity(device: MdmDevice, pass_time: PassTime) -> None:
    start(device)
    uuid, first = take_payload(device)
    pass_time(2 * timedelta(minutes=1))
    again, second = take_payload(device)
    assert uuid == again
    assert install(first).certificate != install(second).certificate
    device.identity = install(first)  # it was still installing the first one
    assert device.token_update().status_code == 200
    device.identity = install(second)
    assert device.token_update().status_code == 200
    assert device.take() is None


def test_a_renewal_that_is_put_off_waits_for_the_next_session(device: MdmDevice) -> None:
    start(device)
    uuid, _ = take_payload(device)
    assert device.take("NotNow", uuid) is None
    again, payload = take_payload(device)
    assert again == uuid
    device.identity = install(payload)
    device.take("Acknowledged", uuid)
    assert device.enrollment.renewal_started_at is None


def test_identities_come_to_an_end_when_a_device_does_nothing_but_put_off(
    device: MdmDevice,
    pass_time: PassTime,
    monkeypatch: pytest.MonkeyPatch,
    rate_limit_clock: SimpleNamespace,
) -> None:
    """Each would be a key, a certificate and a line of the log."""
    rate_limit_clock.now -= rate_limit_clock.now % 3600
    monkeypatch.setattr("devices.services.built_bodies.MOST", 3)
    command = start(device)
    before = IssuedCertificate.objects.count()
    for _ in range(3):
        uuid, _ = take_payload(device)
        device.take("NotNow", uuid)
    enqueue(device.enrollment, command={"RequestType": "RestartDevice"})
    other = device.take()
    assert other is not None
    assert other["Command"]["RequestType"] == "RestartDevice"
    device.take("Acknowledged", other["CommandUUID"])
    for _ in range(3):
        assert device.take() is None
        device.take("NotNow", command.uuid)
    assert IssuedCertificate.objects.count() == before + 3
    assert device.take() is None
    rate_limit_clock.now += 3600
    pass_time(HOUR)
    device.identity = install(take_payload(device)[1])
    assert device.token_update().status_code == 200


def test_a_refused_renewal_is_shown_and_tried_again_ever_later(
    device: MdmDevice, news: News
) -> None:
    start(device)
    waits, uuids = [], set()
    for _ in range(9):
        uuid, _ = take_payload(device)
        chain = [{"ErrorCode": 1009, "ErrorDomain": "D", "USEnglishDescription": "No network"}]
        device.take("Error", uuid, ErrorChain=chain)
        enrollment = device.enrollment
        assert enrollment.renewal_started_at is None
        assert enrollment.renewal_error == "No network"
        assert enrollment.renewal_not_before is not None
        waits.append(round((enrollment.renewal_not_before - timezone.now()).total_seconds() / 60))
        uuids.add(uuid)
        assert sweep() == 0
        assert sweep(after=timedelta(minutes=waits[-1] + 1)) == 1
    assert waits == [15, 30, 60, 120, 240, 480, 960, 1440, 1440]
    assert len(uuids) == 9
    assert len(news["renewal_failed"]) == 9
    _, payload = take_payload(device)
    device.identity = install(payload)
    device.token_update()
    assert (device.enrollment.renewal_error, device.enrollment.renewal_attempts) == ("", 0)


def test_a_renewal_that_cannot_be_built_blocks_no_other_command(
    device: MdmDevice, settings: Any, news: News
) -> None:
    settings.MDM_RENEWAL_PROFILE = "tests.devices.renewal.build_nothing"
    command = start(device)
    other = enqueue(device.enrollment, command={"RequestType": "RestartDevice"})
    taken = device.take()
    assert taken is not None
    assert taken["CommandUUID"] == other.uuid
    command.refresh_from_db()
    assert command.state == "cancelled"
    assert device.enrollment.renewal_error == "the SCEP server is away"
    assert [told["message"] for told in news["renewal_failed"]] == ["the SCEP server is away"]
    settings.MDM_RENEWAL_PROFILE = "tests.devices.renewal.build"
    device.take("Acknowledged", other.uuid)
    assert sweep(after=HOUR) == 1
    assert take_payload(device)[1]


def test_a_device_that_acknowledges_but_keeps_its_old_identity_is_asked_again(
    device: MdmDevice, news: News
) -> None:
    start(device)
    uuid, _ = take_payload(device)
    device.take("Acknowledged", uuid)
    assert sweep(after=timedelta(minutes=59)) == 0
    assert not news["renewal_failed"]
    assert sweep(after=timedelta(minutes=61)) == 0
    assert "does not use its new identity" in device.enrollment.renewal_error
    assert sweep(after=2 * HOUR) == 1
    assert take_payload(device)[0] != uuid


@pytest.mark.parametrize("put_off", [False, True])
def test_a_device_that_does_not_come_is_shown_and_renewed_when_it_comes(
    device: MdmDevice, news: News, pass_time: PassTime, put_off: bool
) -> None:
    start(device)
    uuid, _ = take_payload(device)
    if put_off:
        device.take("NotNow", uuid)
    sweep(after=2 * DAY)
    assert not news["renewal_failed"]
    for days in (4, 5, 6):
        assert sweep(after=days * DAY) == 0
    assert len(news["renewal_failed"]) == 1
    assert ("put the renewal off" in device.enrollment.renewal_error) == put_off
    pass_time(7 * DAY)
    again, payload = take_payload(device)
    assert again == uuid
    device.identity = install(payload)
    device.token_update()
    assert device.enrollment.renewal_error == ""


def test_a_renewal_that_an_administrator_cancels_is_started_anew(device: MdmDevice) -> None:
    cancel_command(start(device), actor="tests")
    assert sweep() == 0
    assert "cancelled" in device.enrollment.renewal_error
    assert sweep(after=HOUR) == 1


def test_renewals_in_vain_are_revoked_a_day_later(device: MdmDevice, pass_time: PassTime) -> None:
    """Not earlier: the device may be about to use one of them."""
    start(device)
    take_payload(device)
    [unspoken] = IssuedCertificate.objects.filter(renews=device.identity.row)
    pass_time(timedelta(minutes=2))
    take_payload(device)
    unspoken.refresh_from_db()
    assert unspoken.status == "issued"
    pass_time(2 * DAY)
    take_payload(device)
    unspoken.refresh_from_db()
    assert (unspoken.status, unspoken.revocation_reason) == ("revoked", "superseded")


def test_a_device_that_is_leaving_gets_no_new_identity(device: MdmDevice, news: News) -> None:
    start(device)
    unenroll(device.row, actor="tests")
    for days in range(3):
        assert sweep(after=days * DAY) == 0
    assert not news["renewal_failed"]
    assert count_renewals(device) == 1


@pytest.mark.parametrize("end", ["check_out", "enroll anew", "revoke", "expire"])
def test_no_renewal_is_started_when_there_is_nothing_to_renew(
    device: MdmDevice, make_device: MakeDevice, end: str
) -> None:
    make_due(device)
    if end == "check_out":
        device.check_out()
    elif end == "enroll anew":
        again = make_device()
        again.udid = device.udid
        again.enroll()
    elif end == "revoke":
        assert device.identity.row is not None
        revoke_certificate(device.identity.row, reason="key_compromise", now=timezone.now())
    else:
        make_due(device, days=-1)
    assert sweep() == 0
    assert count_renewals(device) == 0


def test_a_renewal_under_way_ends_with_its_enrollment(
    device: MdmDevice, make_device: MakeDevice, news: News
) -> None:
    command = start(device)
    again = make_device()
    again.udid = device.udid
    again.enroll()
    command.refresh_from_db()
    assert command.state == "cancelled"
    assert sweep(after=DAY) == 0
    assert not news["renewal_failed"]


def test_a_second_start_at_the_same_time_queues_nothing(device: MdmDevice) -> None:
    make_due(device)
    stale = Enrollment.objects.get(pk=device.enrollment.pk)
    assert start_renewal(device.enrollment, now=timezone.now()) is not None
    assert start_renewal(stale, now=timezone.now()) is None
    assert count_renewals(device) == 1


def test_an_answer_to_an_earlier_renewal_does_not_end_the_present_one(device: MdmDevice) -> None:
    first = start(device)
    take_payload(device)
    cancel_command(first, actor="tests")
    sweep()
    assert sweep(after=HOUR) == 1
    device.take("Error", first.uuid)
    assert device.enrollment.renewal_started_at is not None


def test_a_renewal_does_not_disturb_the_devices_status(device: MdmDevice, news: News) -> None:
    Device.objects.filter(udid=device.udid).update(status="managed")
    start(device)
    uuid, payload = take_payload(device)
    device.identity = install(payload)
    device.token_update()
    device.take("Acknowledged", uuid)
    assert device.row.status == "managed"
    assert not news["device_status_changed"]
    assert not news["device_enrolled"]
