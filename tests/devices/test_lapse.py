"""Not Managed: revoked and expired identities, silence, enrollments never completed."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Device, Enrollment
from devices.protocol.silence import SILENT_AFTER
from devices.services.lapse import INCOMPLETE_AFTER, mark_lapsed
from devices.signals import device_status_changed
from devices.tasks import sweep_commands
from scep.models import IssuedCertificate
from scep.services.issuance import revoke_certificate
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import make_identity
from tests.devices.renewal import renew


def test_device_is_not_managed_when_its_certificate_is_revoked(make_device: MakeDevice) -> None:
    device = make_device().enroll()
    certificate = IssuedCertificate.objects.get(fingerprint=device.enrollment.certificate_sha256)
    revoke_certificate(certificate, reason="key_compromise", now=timezone.now())

    assert device.row.status == "not_managed"
    assert "revoked" in device.row.status_reason
    assert device.connect().status_code == 403


def test_device_is_not_managed_when_its_certificate_has_expired(make_device: MakeDevice) -> None:
    device, other = make_device().enroll(), make_device().enroll()
    past = timezone.now() - timedelta(minutes=1)
    Enrollment.objects.filter(pk=device.enrollment.pk).update(certificate_not_after=past)
    sweep_commands()

    assert (device.row.status, other.row.status) == ("not_managed", "enrolled")
    assert "expired" in device.row.status_reason
    assert mark_lapsed(now=timezone.now()) == 0


def test_device_comes_back_when_it_speaks_after_a_long_silence(make_device: MakeDevice) -> None:
    device = make_device().enroll()
    long_ago = timezone.now() - SILENT_AFTER - timedelta(minutes=1)
    Enrollment.objects.filter(pk=device.enrollment.pk).update(last_seen_at=long_ago)
    Device.objects.filter(pk=device.row.pk).update(last_seen_at=long_ago)
    mark_lapsed(now=timezone.now())
    assert device.row.status == "not_managed"

    assert device.connect().status_code == 200
    assert (device.row.status, device.row.status_reason) == ("enrolled", "")


def test_device_is_not_managed_when_it_never_completes_its_enrollment(
    make_device: MakeDevice,
) -> None:
    device = make_device()
    device.authenticate()
    mark_lapsed(now=timezone.now())
    assert device.row.status == "pending"

    mark_lapsed(now=timezone.now() + INCOMPLETE_AFTER)
    assert device.row.status == "not_managed"
    device.token_update()
    assert device.row.status == "enrolled"


def test_device_is_pending_when_it_begins_again_after_an_enrollment_that_came_to_nothing(
    make_device: MakeDevice,
) -> None:
    """The next sweep called it Not Managed, for what had been broken off the day before."""
    device = make_device()
    device.authenticate()
    Enrollment.objects.update(created_at=timezone.now() - INCOMPLETE_AFTER - timedelta(minutes=1))
    device.identity = make_identity(now=timezone.now())
    device.authenticate()

    assert mark_lapsed(now=timezone.now()) == 0
    assert device.row.status == "pending"
    mark_lapsed(now=timezone.now() + INCOMPLETE_AFTER)
    assert device.row.status == "not_managed"


@pytest.mark.parametrize("reason", ["incomplete", "expired"])
def test_a_device_stays_enrolled_when_it_speaks_while_others_are_marked(
    make_device: MakeDevice, reason: str
) -> None:
    """The sweep has found both; the second one is heard of before it is its turn."""
    devices = [make_device(), make_device()]
    for device in devices:
        device.authenticate()
        if reason == "expired":
            device.token_update()
    past = timezone.now() - timedelta(minutes=1)
    if reason == "expired":
        Enrollment.objects.update(certificate_not_after=past)

    def speak(device: Device, **_: Any) -> None:
        [other] = [each for each in devices if each.udid != device.udid]
        if other.row.status == "not_managed":
            return
        if reason == "incomplete":
            assert other.token_update().status_code == 200
        else:
            other.identity = renew(other)
            assert other.token_update().status_code == 200

    device_status_changed.connect(speak)
    try:
        assert mark_lapsed(now=timezone.now() + INCOMPLETE_AFTER) == 1
    finally:
        device_status_changed.disconnect(speak)
    assert sorted(device.row.status for device in devices) == ["enrolled", "not_managed"]
