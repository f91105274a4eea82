"""What becomes of the identity of a device that enrolls again, checks out, or is taken out."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from django.test import Client
from django.utils import timezone

from devices.models import Enrollment
from devices.services.actions import unenroll
from devices.services.identities import ended
from devices.services.identities.ended import LOOK_BACK, revoke_ended
from devices.tasks import revoke_identity
from scep.models import CertificateStatus, IssuedCertificate
from scep.services.issuance import revoke_certificate
from tests.devices.conftest import MakeDevice, News
from tests.devices.mdm_device import MdmDevice
from tests.devices.renewal import renew
from tests.scep.certifying import meanwhile


def reenroll(make_device: MakeDevice, old: MdmDevice) -> MdmDevice:
    new: MdmDevice = make_device(udid=old.udid, serial=old.serial).enroll()
    return new


def leave(make_device: MakeDevice, device: MdmDevice, how: str) -> None:
    """The device's enrollment ends."""
    match how:
        case "enrolls again":
            reenroll(make_device, device)
        case "checks out":
            device.check_out()
        case "is shut out":  # it has never told by which profile it was enrolled
            unenroll(device.row, actor="a")
        case "obeys":
            _obey_farewell(device)


def _obey_farewell(device: MdmDevice) -> None:
    profile = {"PayloadIdentifier": "mdm", "PayloadContent": [{"PayloadType": "com.apple.mdm"}]}
    Enrollment.objects.update(reported_profiles=[profile])
    unenroll(device.row, actor="a")
    assert find_row(device).status == CertificateStatus.ISSUED  # it has to hear of it first
    command = device.take()
    assert command is not None
    assert command["Command"] == {"RequestType": "RemoveProfile", "Identifier": "mdm"}
    device.connect("Acknowledged", command["CommandUUID"])


def find_row(device: MdmDevice) -> IssuedCertificate:
    assert device.identity.row is not None
    return IssuedCertificate.objects.get(pk=device.identity.row.pk)


@pytest.fixture
def run_tasks(monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any) -> Any:
    """Do what tasks would do, once the transaction is committed."""
    monkeypatch.setattr(revoke_identity, "delay", revoke_identity)
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("enrolls again", "superseded"),
        ("checks out", "cessation_of_operation"),
        ("is shut out", "cessation_of_operation"),
        ("obeys", "cessation_of_operation"),
    ],
)
def test_the_identity_is_revoked_and_on_the_list_when_its_device(
    make_device: MakeDevice, run_tasks: Any, client: Client, how: str, reason: str
) -> None:
    device = make_device().enroll()
    with run_tasks():
        leave(make_device, device, how)
    row = find_row(device)
    assert (row.status, row.revocation_reason) == ("revoked", reason)
    answer = client.get(f"/pki/crl/{row.issuer.public_id}.crl")
    crl = x509.load_der_x509_crl(answer.content)
    entry = crl.get_revoked_certificate_by_serial_number(int(row.serial, 16))
    assert entry is not None
    told = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert told.name == reason


@pytest.mark.parametrize("how", ["enrolls again", "checks out", "is shut out", "obeys"])
def test_the_sweep_revokes_what_a_lost_task_has_left(make_device: MakeDevice, how: str) -> None:
    device, other = make_device().enroll(), make_device().enroll()
    leave(make_device, device, how)
    assert find_row(device).status == CertificateStatus.ISSUED
    assert revoke_ended(now=timezone.now()) == 1
    assert find_row(device).status == CertificateStatus.REVOKED
    assert revoke_ended(now=timezone.now()) == 0
    assert other.connect().status_code == 200


def test_each_is_revoked_in_its_turn_when_there_are_many(
    make_device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended, "PORTION", 2)
    devices = [make_device().enroll() for _ in range(5)]
    for device in devices:
        device.check_out()
    an_hour = timezone.now() + timedelta(hours=1)
    assert [revoke_ended(now=an_hour) for _ in range(4)] == [2, 2, 1, 0]


def test_what_has_just_ended_is_revoked_in_any_run_when_there_are_many(
    make_device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended, "PORTION", 1)
    first, last = make_device().enroll(), make_device().enroll()
    last.check_out()
    assert revoke_ended(now=timezone.now()) == 1
    assert find_row(last).status == CertificateStatus.REVOKED
    assert find_row(first).status == CertificateStatus.ISSUED


def test_enrollments_that_ended_long_ago_are_looked_at_no_more(make_device: MakeDevice) -> None:
    device = make_device().enroll()
    device.check_out()
    assert revoke_ended(now=timezone.now() + LOOK_BACK + timedelta(hours=1)) == 0


def test_nothing_is_revoked_while_the_enrollment_goes_on(make_device: MakeDevice) -> None:
    device = make_device().enroll()
    assert make_device(udid=device.udid).authenticate().status_code == 200
    revoke_identity(device.enrollment.pk)
    revoke_ended(now=timezone.now())
    assert find_row(device).status == CertificateStatus.ISSUED
    assert device.connect().status_code == 200


def test_the_identity_before_a_renewal_goes_too(make_device: MakeDevice, run_tasks: Any) -> None:
    device = make_device().enroll()
    before = device.identity
    device.identity = renew(device)
    assert device.connect().status_code == 200
    with run_tasks():
        device.check_out()
    assert before.row is not None
    for row in IssuedCertificate.objects.filter(fingerprint__isnull=False):
        assert row.status == CertificateStatus.REVOKED, row


@pytest.mark.parametrize("how", ["checks out", "obeys", "is renewed", "is stolen"])
def test_certificates_in_the_making_stay_good_when_another_device(
    make_device: MakeDevice, run_tasks: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """They have no fingerprint yet, and other devices often no identity before theirs."""
    other = make_device().enroll()
    if how == "is renewed":
        other.identity = renew(other)

    def happen() -> None:
        match how:
            case "is renewed":
                assert other.connect().status_code == 200
            case "is stolen":
                revoke_certificate(find_row(other), reason="key_compromise", now=timezone.now())
            case _:
                with run_tasks():
                    leave(make_device, other, how)

    meanwhile(happen, monkeypatch=monkeypatch)
    device = make_device().enroll()
    assert find_row(device).status == CertificateStatus.ISSUED
    assert device.connect().status_code == 200


def test_what_the_enrollment_has_come_to_is_still_the_answer(
    make_device: MakeDevice, run_tasks: Any, news: News
) -> None:
    """A revoked identity tells an administrator less than that two devices are one."""
    old = make_device().enroll()
    with run_tasks():
        reenroll(make_device, old)
    assert find_row(old).status == CertificateStatus.REVOKED
    assert old.connect().status_code == 403
    assert old.authenticate().status_code == 403
    assert "different certificates" in old.row.warning
    assert "superseded by a newer one" in news["device_message_refused"][0]["message"]
    assert old.row.status == "enrolled"


def test_a_check_out_that_comes_twice_is_answered_alike(
    make_device: MakeDevice, run_tasks: Any, news: News
) -> None:
    device = make_device().enroll()
    with run_tasks():
        assert device.check_out().status_code == 200
    assert find_row(device).status == CertificateStatus.REVOKED
    assert device.check_out().status_code == 200
    assert device.connect().status_code == 403
    assert len(news["device_checked_out"]) == 1


def test_an_identity_that_was_revoked_as_lost_stays_unheard(make_device: MakeDevice) -> None:
    device = make_device().enroll()
    revoke_certificate(find_row(device), reason="key_compromise", now=timezone.now())
    device.check_out()
    assert device.enrollment.state == "live"
    assert device.check_out().status_code == 403
