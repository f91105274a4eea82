"""EraseDevice: the enrollment's end, and Return to Service with a profile made on hand-out."""

import base64
import plistlib
from typing import Any

import pytest
from django.utils import timezone

from devices.errors import CommandInvalid, ReturnNotPossible
from devices.models import Command, CommandState, Device, DeviceStatus, Enrollment, EnrollmentState
from devices.services import actions
from devices.services.identities.ended import revoke_ended
from organization.models import AuditEntry
from scep.models import CertificateStatus, IssuedCertificate
from tests.devices import orders
from tests.devices.conftest import MakeDevice, News
from tests.devices.mdm_device import MdmDevice
from tests.devices.wifi import make_wifi_profile

ACTOR = "ada@example.com"
BUILT: list[str] = []


def build_profile(enrollment: Enrollment, *, now: Any) -> bytes:
    BUILT.append(enrollment.device.udid)
    return b"profile %d" % len(BUILT)


def build_none(enrollment: Enrollment, *, now: Any) -> bytes:
    raise ReturnNotPossible("there is no push certificate")


@pytest.fixture
def phone(make_device: MakeDevice, settings: Any) -> MdmDevice:
    settings.MDM_RETURN_PROFILE = f"{__name__}.build_profile"
    BUILT.clear()
    device = make_device().enroll()
    device.answer_everything()
    return device


def test_enrollment_and_identity_end_when_the_device_obeys(phone: MdmDevice) -> None:
    orders.erase(phone.row, actor=ACTOR)
    assert phone.answer_everything() == ["EraseDevice"]

    row = phone.row
    assert (row.status, row.status_reason) == (DeviceStatus.UNENROLLED, "Erased.")
    assert phone.enrollment.state == EnrollmentState.REMOVED
    assert phone.connect().status_code == 403
    assert phone.identity.row is not None
    assert revoke_ended(now=timezone.now()) == 1
    identity = IssuedCertificate.objects.get(pk=phone.identity.row.pk)
    assert identity.status == CertificateStatus.REVOKED
    assert identity.revocation_reason == "cessation_of_operation"
    assert phone.connect().status_code == 403


def test_nothing_ends_when_the_device_refuses_to_be_erased(phone: MdmDevice) -> None:
    orders.erase(phone.row, actor=ACTOR)
    sent = phone.take()
    assert sent is not None
    phone.take("Error", sent["CommandUUID"], ErrorChain=[])
    assert phone.enrollment.state == EnrollmentState.LIVE
    assert phone.connect().status_code == 200


def test_each_hand_out_brings_a_profile_of_its_own_and_none_is_stored(phone: MdmDevice) -> None:
    wifi = make_wifi_profile()
    command = orders.erase(
        phone.row, return_to_service=True, wifi_profile=wifi, preserve_data_plan=True, actor=ACTOR
    )
    assert BUILT == []
    assert command.body is not None
    assert "MDMProfileData" not in plistlib.loads(command.body)["ReturnToService"]
    sent = phone.take()
    assert sent is not None
    assert sent["Command"] == {
        "RequestType": "EraseDevice",
        "PreserveDataPlan": True,
        "ReturnToService": {
            "Enabled": True,
            "WiFiProfileData": wifi,
            "MDMProfileData": b"profile 1",
        },
    }
    Command.objects.filter(pk=command.pk).update(state=CommandState.QUEUED)
    again = phone.take()
    assert again is not None
    assert again["Command"]["ReturnToService"]["MDMProfileData"] == b"profile 2"
    command.refresh_from_db()
    assert command.body is not None
    assert b"profile" not in command.body.split(b"<key>WiFiProfileData</key>")[0]
    phone.take("Acknowledged", again["CommandUUID"])
    assert phone.row.status_reason == "Erased; it is to come back by Return to Service."
    assert "wireless-secret" not in str(list(AuditEntry.objects.values()))


def test_the_device_is_not_erased_when_it_could_not_come_back(
    phone: MdmDevice, settings: Any, news: News
) -> None:
    settings.MDM_RETURN_PROFILE = f"{__name__}.build_none"
    command = orders.erase(phone.row, return_to_service=True, actor=ACTOR)
    other = orders.restart(phone.row, actor=ACTOR)
    sent = phone.take()
    assert sent is not None
    assert sent["CommandUUID"] == other.uuid
    command.refresh_from_db()
    assert command.state == CommandState.ERROR
    assert "no push certificate" in command.error_chain[0]["USEnglishDescription"]
    told = [each["command"] for each in news["command_finished"]]
    assert [(each.pk, each.state) for each in told] == [(command.pk, CommandState.ERROR)]


@pytest.mark.parametrize("version", ["16.7.10", "9.3"])
def test_return_to_service_is_refused_when_the_system_is_too_old(
    phone: MdmDevice, version: str
) -> None:
    Device.objects.update(os_version=version)
    with pytest.raises(CommandInvalid, match="17"):
        orders.erase(phone.row, return_to_service=True, actor=ACTOR)


@pytest.mark.parametrize(
    ("wifi", "named"),
    [
        (b"no profile", "cannot be read"),
        (make_wifi_profile(PayloadType="com.apple.webClip.managed"), "com.apple.wifi.managed"),
        (make_wifi_profile(SSID_STR=None), "SSID_STR"),
        (plistlib.dumps({"PayloadType": "Configuration"}), "PayloadIdentifier"),
        (b"\x30\x80", "cannot be read"),
        (b" " * 300_000, "larger"),
    ],
)
def test_return_to_service_is_refused_when_its_network_is_none(
    phone: MdmDevice, wifi: bytes, named: str
) -> None:
    parameters = {"return_to_service": True, "wifi_profile": base64.b64encode(wifi).decode()}
    with pytest.raises(CommandInvalid, match=named):
        actions.queue_command(
            phone.row, request_type="EraseDevice", parameters=parameters, actor=ACTOR
        )
    assert not Command.objects.filter(request_type="EraseDevice").exists()


def test_a_mac_is_told_what_to_do_when_it_cannot_erase_in_place(make_device: MakeDevice) -> None:
    mac = make_device(product="MacBookPro18,1").enroll()
    orders.erase(mac.row, pin="123456", obliteration_behavior="DoNotObliterate", actor=ACTOR)
    sent = mac.take()
    assert sent is not None
    assert sent["Command"]["ObliterationBehavior"] == "DoNotObliterate"
    assert sent["Command"]["PIN"] == "123456"


def test_the_later_wish_counts_when_the_device_has_not_heard_of_the_first(
    phone: MdmDevice,
) -> None:
    first = orders.erase(phone.row, actor=ACTOR)
    assert orders.erase(phone.row, actor=ACTOR) == first
    second = orders.erase(phone.row, return_to_service=True, actor=ACTOR)
    first.refresh_from_db()
    assert first.state == CommandState.CANCELLED
    sent = phone.take()
    assert sent is not None
    assert sent["CommandUUID"] == second.uuid
    assert orders.erase(phone.row, return_to_service=True, actor=ACTOR) == second
    with pytest.raises(CommandInvalid, match="another way"):
        orders.erase(phone.row, actor=ACTOR)


def test_a_mac_keeps_its_pin_when_it_is_erased_twice(make_device: MakeDevice) -> None:
    mac = make_device(product="MacBookPro18,1").enroll()
    first = orders.erase(mac.row, actor=ACTOR)
    assert orders.erase(mac.row, actor=ACTOR) == first
