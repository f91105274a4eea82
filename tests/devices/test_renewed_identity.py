"""D3 and R7: a renewed identity takes over, and nothing else does."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from devices.models import Command, Device, Enrollment
from devices.services.identities.replaced import revoke_replaced
from devices.tasks import sweep_renewals
from scep.models import IssuedCertificate
from scep.services.issuance import revoke_certificate
from tests.devices.conftest import MakeDevice, News, PassTime
from tests.devices.mdm_device import Identity, MdmDevice
from tests.devices.renewal import renew

DAY = timedelta(days=1)


@pytest.fixture
def device(make_device: MakeDevice) -> MdmDevice:
    device = make_device().enroll()
    device.answer_everything()
    return device


def get_pin(device: MdmDevice) -> Enrollment:
    return Enrollment.objects.get(device__udid=device.udid, state="live")


def get_status(identity: Identity) -> str:
    assert identity.row is not None
    return IssuedCertificate.objects.get(pk=identity.row.pk).status


def get_reason(identity: Identity) -> str:
    assert identity.row is not None
    return IssuedCertificate.objects.get(pk=identity.row.pk).revocation_reason


def get_fingerprint(identity: Identity) -> str:
    assert identity.row is not None
    return identity.row.fingerprint or ""


@pytest.mark.parametrize("first", ["connect", "token_update", "authenticate", "get_token"])
def test_the_first_message_of_a_renewed_identity_pins_it(
    device: MdmDevice, news: News, first: str
) -> None:
    before, status = device.enrollment, device.row.status
    device.identity = renew(device)
    if first == "get_token":
        answer = device.put("/mdm/checkin", device.message("GetBootstrapToken"))
    else:
        answer = getattr(device, first)()
    pinned = get_pin(device)
    assert answer.status_code == 200
    assert pinned.pk == before.pk
    assert pinned.certificate_sha256 == get_fingerprint(device.identity)
    assert pinned.previous_certificate_sha256 == before.certificate_sha256
    assert pinned.certificate_not_after == device.identity.certificate.not_valid_after_utc
    assert (device.row.status, Enrollment.objects.count()) == (status, 1)
    assert [told["certificate"] for told in news["identity_renewed"]] == [device.identity.row]
    assert device.identity.row is not None
    device.identity.row.refresh_from_db()
    assert device.identity.row.device_id == device.row.public_id


def test_a_renewal_is_no_second_enrollment(device: MdmDevice, news: News) -> None:
    commands = Command.objects.count()
    device.identity = renew(device)
    device.token_update(Token=b"t" * 32)
    pinned = get_pin(device)
    assert not news["device_enrolled"]
    assert not news["device_reenrolled"]
    assert not news["device_status_changed"]
    assert pinned.push_token == b"t" * 32
    assert Command.objects.count() == commands


def test_the_old_identity_may_still_answer_for_a_day(
    device: MdmDevice, pass_time: PassTime
) -> None:
    old, device.identity = device.identity, renew(device)
    device.token_update()
    device.identity = old
    assert device.connect().status_code == 200
    assert device.row.warning == ""
    pass_time(timedelta(hours=23))
    assert device.connect().status_code == 200
    assert "still used" in device.row.warning
    pass_time(timedelta(hours=25))
    assert device.connect().status_code == 403


def test_the_old_identity_is_revoked_as_superseded_after_a_day(
    device: MdmDevice, news: News
) -> None:
    old, device.identity = device.identity, renew(device)
    device.token_update()
    assert revoke_replaced(now=timezone.now()) == 0
    assert revoke_replaced(now=timezone.now() + DAY) == 1
    assert revoke_replaced(now=timezone.now() + DAY) == 0
    assert get_pin(device).previous_certificate_sha256 == ""  # it is looked at no more
    assert (get_status(old), get_reason(old)) == ("revoked", "superseded")
    assert get_status(device.identity) == "issued"
    assert device.row.status == "enrolled"
    assert device.connect().status_code == 200
    device.identity = old
    assert device.connect().status_code == 403
    assert news["device_message_refused"][-1]["code"] == "identity_revoked"


def test_the_old_identity_is_refused_when_its_heir_was_revoked(
    device: MdmDevice, news: News
) -> None:
    """At once: the enrollment may not have heard of it yet."""
    old, device.identity = device.identity, renew(device)
    device.token_update()
    assert device.identity.row is not None
    IssuedCertificate.objects.filter(pk=device.identity.row.pk).update(status="revoked")
    device.identity = old
    assert device.connect().status_code == 403
    assert news["device_message_refused"][-1]["code"] == "identity_revoked"


def test_the_second_of_two_renewals_in_flight_takes_over_from_the_first(device: MdmDevice) -> None:
    original, first = device.identity, renew(device)
    second = renew(device)
    device.identity = first
    assert device.connect().status_code == 200
    device.identity = second
    assert device.connect().status_code == 200
    assert get_pin(device).certificate_sha256 == get_fingerprint(second)
    assert get_status(original) == "revoked"
    device.identity = first  # a late answer
    assert device.connect().status_code == 200
    assert get_pin(device).certificate_sha256 == get_fingerprint(second)
    revoke_replaced(now=timezone.now() + DAY)
    assert [get_status(each) for each in (first, second)] == ["revoked", "issued"]


def test_an_identity_before_the_last_is_revoked_a_day_later_when_its_end_broke_off(
    device: MdmDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*certificates: Any, **options: Any) -> int:
        raise OperationalError("the connection was closed")

    original = device.identity
    device.identity = renew(device)
    assert device.connect().status_code == 200
    device.identity = renew(device)
    with monkeypatch.context() as patch:
        patch.setattr("devices.services.identities.renewed.revoke_superseded", break_off)
        assert device.connect().status_code == 503
    assert device.connect().status_code == 200
    assert get_pin(device).certificate_sha256 == get_fingerprint(device.identity)
    assert get_status(original) == "issued"
    revoke_replaced(now=timezone.now() + DAY)
    assert (get_status(original), get_reason(original)) == ("revoked", "superseded")


def test_an_earlier_renewal_does_not_take_over_from_a_later_one(device: MdmDevice) -> None:
    first = renew(device)
    second = renew(device)
    device.identity = second
    assert device.connect().status_code == 200
    device.identity = first
    assert device.connect().status_code == 403
    revoke_replaced(now=timezone.now() + DAY)
    assert (get_status(first), get_reason(first)) == ("revoked", "superseded")


def test_a_renewal_of_a_renewal_that_never_spoke_takes_over(device: MdmDevice) -> None:
    unspoken = renew(device)
    device.identity = renew(device, of=unspoken)
    assert device.connect().status_code == 200
    assert get_pin(device).certificate_sha256 == get_fingerprint(device.identity)


def test_a_renewed_identity_may_not_speak_for_another_device(
    device: MdmDevice, make_device: MakeDevice, news: News
) -> None:
    """A stolen one neither takes over nor hides: its owner is flagged."""
    victim = make_device().enroll()
    stolen = renew(device)
    pinned = get_pin(device).certificate_sha256
    victim.identity = stolen
    for answer in (victim.connect(), victim.token_update(), victim.authenticate()):
        assert answer.status_code == 403
    assert get_pin(device).certificate_sha256 == pinned
    assert "another UDID" in device.row.warning
    assert not news["identity_renewed"]


def test_a_certificate_that_renews_nothing_does_not_take_over(
    device: MdmDevice, make_device: MakeDevice
) -> None:
    pinned = get_pin(device).certificate_sha256
    device.identity = make_device().identity
    assert device.connect().status_code == 403
    assert device.token_update().status_code == 403
    assert get_pin(device).certificate_sha256 == pinned


def test_nothing_speaks_for_the_device_once_its_identity_is_revoked(device: MdmDevice) -> None:
    old, device.identity = device.identity, renew(device)
    device.token_update()
    unspoken = renew(device)
    assert device.identity.row is not None
    revoke_certificate(device.identity.row, reason="key_compromise", now=timezone.now())
    for identity in (device.identity, old, unspoken):
        assert (get_status(identity), get_reason(identity)) == ("revoked", "key_compromise")
        device.identity = identity
        assert device.connect().status_code == 403
    assert device.row.status == "not_managed"


def test_the_identity_that_speaks_stays_when_the_one_before_it_is_revoked(
    device: MdmDevice,
) -> None:
    old, spoken, unspoken = device.identity, renew(device), renew(device)
    device.identity = spoken
    device.token_update()
    assert old.row is not None
    revoke_certificate(old.row, reason="key_compromise", now=timezone.now())
    assert [get_status(each) for each in (old, spoken, unspoken)] == [
        "revoked",
        "issued",
        "revoked",
    ]
    assert device.connect().status_code == 200
    assert device.row.status == "enrolled"


def test_a_renewal_of_a_superseded_enrollment_changes_nothing(
    device: MdmDevice, make_device: MakeDevice
) -> None:
    """The device was enrolled anew while its old enrollment's renewal was under way."""
    late = renew(device)
    again = make_device()
    again.udid = device.udid
    again.enroll()
    pinned = get_pin(device).certificate_sha256
    device.identity = late
    assert device.connect().status_code == 403
    assert device.token_update().status_code == 403
    assert get_pin(device).certificate_sha256 == pinned == get_fingerprint(again.identity)
    assert "Two devices" in device.row.warning


def test_a_renewal_of_a_removed_enrollment_changes_nothing(device: MdmDevice) -> None:
    late = renew(device)
    device.check_out()
    device.identity = late
    assert device.connect().status_code == 403
    assert device.token_update().status_code == 403
    assert device.row.status == "unenrolled"
    assert not Enrollment.objects.filter(state="live", device__udid=device.udid).exists()


def test_a_device_given_up_for_its_expired_identity_is_back_with_a_renewed_one(
    device: MdmDevice,
) -> None:
    """It renewed in time and lay switched off until the old certificate had expired."""
    device.identity, rows = renew(device), Enrollment.objects.filter(device__udid=device.udid)
    rows.update(certificate_not_after=timezone.now() - DAY)
    Device.objects.filter(udid=device.udid).update(status="not_managed", status_reason="expired")
    assert device.token_update().status_code == 200
    assert (device.row.status, device.row.status_reason) == ("enrolled", "")


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_renewed_identity_takes_over_when_a_clock_is_ten_minutes_off(
    device: MdmDevice, pass_time: PassTime, minutes: int
) -> None:
    device.identity = renew(device)
    pass_time(timedelta(minutes=minutes))
    assert device.token_update().status_code == 200
    assert get_pin(device).certificate_sha256 == get_fingerprint(device.identity)


def test_the_sweep_leaves_a_device_without_renewal_alone(device: MdmDevice, news: News) -> None:
    sweep_renewals()
    assert device.answer_everything() == []
    assert not news["certificate_revoked"]
