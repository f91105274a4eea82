"""A device's record is deleted when it has left, and nothing of the device is let in any more."""

from typing import Any

import pytest
from django.utils import timezone

from devices.errors import NotEnrolled, StillEnrolled
from devices.models import (
    Command,
    Device,
    DeviceStatus,
    Enrollment,
    EscrowedSecret,
    Group,
    UserChannel,
)
from devices.services import deletion
from devices.services.actions import (
    assign_group,
    dismiss_warning,
    queue_command,
    unenroll,
    update_device,
)
from devices.services.deletion import delete_device
from devices.services.identities.ended import revoke_ended_identity
from devices.tasks import revoke_identity
from organization.models import AuditEntry
from scep.models import CertificateStatus, IssuedCertificate
from tests.devices.conftest import MakeDevice, News
from tests.devices.mdm_device import MdmDevice, make_identity
from tests.devices.mdm_user import MdmUser

pytestmark = pytest.mark.django_db
ACTOR = "ada@example.com"


def get_certificate(device: MdmDevice) -> IssuedCertificate:
    assert device.identity.row is not None
    return IssuedCertificate.objects.get(pk=device.identity.row.pk)


def test_the_record_goes_with_all_that_hangs_on_it(
    make_device: MakeDevice, news: News, settings: Any
) -> None:
    settings.MDM_USER_CHANNEL = True
    mac, other = make_device(product="Mac14,2"), make_device()
    mac.identity = make_identity(session_id="ses_deleted", now=timezone.now())
    mac.enroll()
    MdmUser(mac).log_in()
    queue_command(mac.row, request_type="DeviceLock", parameters={}, actor=ACTOR)
    queue_command(mac.row, request_type="SetRecoveryLock", parameters={}, actor=ACTOR)
    mac.check_out()
    enrollment = mac.enrollment
    other.enroll()
    delete_device(mac.row, actor=ACTOR)
    assert Device.objects.get() == other.row
    for model in (Enrollment, UserChannel, Command, EscrowedSecret):
        left = model._default_manager.all()
        assert not [row for row in left if getattr(row, "enrollment_id", other.enrollment.pk)
                    != other.enrollment.pk], model  # fmt: skip
    entry = AuditEntry.objects.get(action="device.delete")
    assert (entry.actor, entry.detail["serial_number"]) == (ACTOR, mac.serial)
    assert entry.detail["secrets"] == {"recovery_lock": 1}
    assert entry.detail["group"] == mac.group.public_id
    assert get_certificate(mac).device_id == entry.subject_id
    [deleted] = news["device_deleted"]
    assert (deleted["actor"], deleted["session_id"]) == (ACTOR, enrollment.session_id)


@pytest.mark.parametrize("status", [DeviceStatus.MANAGED, DeviceStatus.NOT_MANAGED])
def test_it_is_refused_when_the_device_is_enrolled(make_device: MakeDevice, status: str) -> None:
    device = make_device().enroll()
    Device.objects.update(status=status)
    with pytest.raises(StillEnrolled, match="Unenroll it first"):
        delete_device(device.row, actor=ACTOR)
    assert device.connect().status_code == 200


def test_it_is_shut_out_when_it_has_not_taken_its_farewell(make_device: MakeDevice) -> None:
    device = make_device().enroll()
    profile = {"PayloadType": "com.apple.mdm"}
    Enrollment.objects.update(
        reported_profiles=[{"PayloadIdentifier": "p", "PayloadContent": [profile]}]
    )
    unenroll(device.row, actor=ACTOR)
    assert device.enrollment.state == "live", "its farewell waits"
    delete_device(device.row, actor=ACTOR)
    for answer in (device.connect(), device.token_update(), device.authenticate()):
        assert answer.status_code == 403
    assert get_certificate(device).status == CertificateStatus.REVOKED
    assert not Device.objects.exists()


def test_one_that_never_finished_enrolling_can_be_deleted(make_device: MakeDevice) -> None:
    device = make_device()
    device.authenticate()
    delete_device(device.row, actor=ACTOR)
    assert device.token_update().status_code == 403
    assert not Device.objects.exists()


def test_it_can_enroll_anew_when_its_record_was_deleted(make_device: MakeDevice) -> None:
    before = make_device().enroll()
    before.check_out()
    first = before.row.public_id
    delete_device(before.row, actor=ACTOR)
    again = make_device(udid=before.udid, serial=before.serial).enroll()
    assert again.row.public_id != first
    assert again.row.warning == ""


def test_it_goes_also_when_a_message_has_added_to_it_meanwhile(
    make_device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that begins to enroll between the steps is shut out as well."""
    device, again = make_device().enroll(), None
    device.check_out()
    revoke = revoke_ended_identity

    def begin(enrollment: Enrollment, **options: Any) -> int:
        nonlocal again
        if again is None:
            again = make_device(udid=device.udid)
            assert again.authenticate().status_code == 200
        return revoke(enrollment, **options)

    monkeypatch.setattr(deletion, "revoke_ended_identity", begin)
    delete_device(device.row, actor=ACTOR)
    assert not Device.objects.exists()
    assert again is not None
    assert again.token_update().status_code == 403
    assert get_certificate(again).status == CertificateStatus.REVOKED


def test_what_is_left_to_do_for_it_does_nothing(make_device: MakeDevice) -> None:
    device = make_device().enroll()
    device.check_out()
    row, enrollment = device.row, device.enrollment
    delete_device(row, actor=ACTOR)
    revoke_identity(enrollment.pk)
    with pytest.raises(NotEnrolled):
        queue_command(row, request_type="ProfileList", parameters={}, actor=ACTOR)
    for change in (
        lambda: update_device(row, name="Gone", actor=ACTOR),
        lambda: update_device(row, owner="Ada", actor=ACTOR),
        lambda: assign_group(row, group=Group.objects.create(name="Other"), actor=ACTOR),
        lambda: dismiss_warning(row, warning="Odd.", actor=ACTOR),
    ):
        with pytest.raises(NotEnrolled, match="was deleted"):
            change()
    assert not AuditEntry.objects.filter(action__startswith="device.").exclude(
        action="device.delete"
    )


def test_a_deleted_device_is_deleted_once(make_device: MakeDevice) -> None:
    device = make_device().enroll()
    device.check_out()
    row = device.row
    for _ in range(2):
        delete_device(row, actor=ACTOR)
    assert AuditEntry.objects.filter(action="device.delete").count() == 1
