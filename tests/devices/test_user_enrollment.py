"""User Enrollments: an EnrollmentID in place of UDID and serial number."""

import uuid
from typing import Any

import pytest

from devices.errors import CommandInvalid, CommandNotObeyable
from devices.models import Device, Enrollment
from devices.protocol.commands import COMMAND_TYPES
from devices.selectors import get_device_facts
from devices.services import actions
from devices.services.actions import queue_command
from tests.devices.conftest import MakeDevice, News
from tests.devices.mdm_device import CHECKIN, CONNECT, MdmDevice
from tests.devices.mdm_user import MdmUser


@pytest.fixture
def device(make_device: MakeDevice) -> MdmDevice:
    return make_device(is_user_enrollment=True).enroll()


def test_it_enrolls_and_obeys_under_its_enrollment_id(device: MdmDevice) -> None:
    row = device.row
    assert (row.status, row.is_user_enrollment, row.serial_number) == ("enrolled", True, "")
    assert row.udid == device.udid
    assert device.answer_everything() == ["DeviceInformation", "SecurityInfo", "ProfileList"]
    assert device.check_out().status_code == 200
    assert device.row.status == "unenrolled"


def test_its_certificate_speaks_for_no_other_enrollment(device: MdmDevice) -> None:
    device.udid = str(uuid.uuid4())
    assert device.token_update().status_code == 403
    assert device.connect().status_code == 403


def test_an_enrollment_id_is_no_udid(make_device: MakeDevice) -> None:
    known = make_device().enroll()
    pretender = make_device(udid=known.udid, is_user_enrollment=True)
    assert pretender.authenticate().status_code == 403
    assert (Device.objects.count(), Enrollment.objects.count()) == (1, 1)
    assert not known.row.is_user_enrollment


def test_two_enrollments_without_serial_number_are_no_clones(make_device: MakeDevice) -> None:
    devices = [make_device(is_user_enrollment=True).enroll() for _ in range(2)]
    assert [device.row.warning for device in devices] == ["", ""]


def test_its_user_has_a_channel_by_enrollment_user_id(
    make_device: MakeDevice, settings: Any
) -> None:
    settings.MDM_USER_CHANNEL = True
    mac = make_device(product="Mac14,2", is_user_enrollment=True).enroll()
    mac.answer_everything()
    user = MdmUser(mac).log_in()
    command = queue_command(
        mac.row, request_type="ProfileList", parameters={}, actor="tests", user=user.row.public_id
    )
    taken = user.take()
    assert taken is not None
    assert taken["CommandUUID"] == command.uuid
    assert user.check_in("UserAuthenticate").status_code == 400


@pytest.mark.parametrize(
    ("product", "refused", "allowed"),
    [
        ("iPhone14,2", ["EraseDevice", "RestartDevice"], "DeviceLock"),
        ("Mac14,2", ["EraseDevice", "RestartDevice", "DeviceLock"], "ProfileList"),
    ],
)
def test_commands_that_apple_forbids_there_are_refused(
    make_device: MakeDevice, product: str, refused: list[str], allowed: str
) -> None:
    row = make_device(product=product, is_user_enrollment=True).enroll().row
    for request_type in refused:
        parameters = {"pin": "123456"} if request_type == "DeviceLock" else {}
        with pytest.raises(CommandInvalid, match="User Enrollment"):
            queue_command(row, request_type=request_type, parameters=parameters, actor="tests")
    assert queue_command(row, request_type=allowed, parameters={}, actor="tests")


NAMES: list[dict[str, Any]] = [
    {},
    {"UDID": "U", "EnrollmentID": "E"},
    {"EnrollmentID": 7},
    {"EnrollmentID": ""},
    {"EnrollmentID": "x" * 65},
    {"EnrollmentID": "E", "SerialNumber": "C02"},
]


def test_other_combinations_of_names_are_400(make_device: MakeDevice, news: News) -> None:
    device = make_device()
    for names in NAMES:
        message = {"MessageType": "Authenticate", "Topic": device.topic, **names}
        url = f"{CHECKIN}?challenge=group-{device.group.pk}"
        assert device.put(url, message).status_code == 400, names
        refusal = news["device_message_refused"].pop()
        assert refusal["code"] == "message_malformed"
    assert not Device.objects.exists()


def test_a_report_under_both_names_is_400(device: MdmDevice) -> None:
    both = {"Status": "Idle", "UDID": device.udid, "EnrollmentID": device.udid}
    assert device.put(CONNECT, both).status_code == 400


@pytest.mark.parametrize("product", ["Mac14,2", "iPhone14,2"])
def test_it_is_asked_for_nothing_that_apple_keeps_from_user_enrollments(
    make_device: MakeDevice, product: str
) -> None:
    """A Mac of a User Enrollment lists no apps: it was asked each day, and refused."""
    device = make_device(product=product, is_user_enrollment=True).enroll()
    facts = {"QueryResponses": {"ProductName": product, "IsSupervised": False}}
    seen = device.answer_everything({"DeviceInformation": facts})
    assert ("InstalledApplicationList" in seen) == (product != "Mac14,2")
    assert "CertificateList" in seen
    if product == "Mac14,2":
        with pytest.raises(CommandNotObeyable, match="a User Enrollment does not allow it"):
            actions.ask(device.row, facts="apps", actor="tests")


def test_the_console_says_what_a_user_enrollment_does_not_allow(
    make_device: MakeDevice, device: MdmDevice
) -> None:
    """Erase and the like were offered, and refused when they were sent."""
    for each, allowed in ((device, False), (make_device().enroll(), True)):
        facts = get_device_facts(each.row, enrollment=each.enrollment)
        for name in ("EraseDevice", "RestartDevice"):
            refusal = COMMAND_TYPES[name].find_refusal(facts)
            assert ("User Enrollment" in refusal) != allowed
        assert not COMMAND_TYPES["DeviceLock"].find_refusal(facts)
