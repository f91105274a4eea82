"""An identity that has expired while its device was away: what is said of it, and how it ends."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Command, Device, Enrollment
from devices.protocol.silence import SILENT_AFTER
from devices.services.identities.renewal import PATIENCE
from devices.services.lapse import mark_lapsed
from devices.tasks import sweep_commands, sweep_renewals
from scep.models import IssuedCertificate
from scep.services.issuance import revoke_certificate
from tests.devices.conftest import MakeDevice, News
from tests.devices.mdm_device import MdmDevice, make_identity
from tests.devices.renewal import install, make_due

EXPIRED = "Its identity certificate expired; enroll it again."


@pytest.fixture
def device(make_device: MakeDevice, settings: Any) -> MdmDevice:
    """In its renewal, which it has not taken yet."""
    settings.MDM_RENEWAL_PROFILE = "tests.devices.renewal.build"
    device = make_device().enroll()
    device.answer_everything()
    Command.objects.all().delete()
    make_due(device)
    sweep_renewals()
    assert device.enrollment.renewal_started_at is not None
    return device


def fall_silent(device: MdmDevice) -> None:
    long_ago = timezone.now() - SILENT_AFTER - timedelta(minutes=1)
    Enrollment.objects.filter(pk=device.enrollment.pk).update(last_seen_at=long_ago)
    Device.objects.filter(pk=device.row.pk).update(last_seen_at=long_ago)
    sweep_commands()
    assert "Not heard of for 30 days" in device.row.status_reason


def expire(device: MdmDevice) -> None:
    make_due(device, days=-1)
    sweep_commands()


def test_the_reason_is_the_expired_certificate_when_a_silent_device_cannot_come_back(
    device: MdmDevice, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read “Probably removed” for ever, while the device was there and refused."""
    fall_silent(device)
    expire(device)

    assert (device.row.status, device.row.status_reason) == ("not_managed", EXPIRED)
    news["device_status_changed"].clear()
    assert mark_lapsed(now=timezone.now()) == 0
    assert not news["device_status_changed"]

    years_later = timezone.now() + timedelta(days=2 * 365)
    monkeypatch.setattr("devices.views.timezone.now", lambda: years_later)
    assert device.connect().status_code == 403
    assert device.row.status_reason == EXPIRED


def test_a_revocation_stays_the_reason_when_the_certificate_expires(device: MdmDevice) -> None:
    certificate = IssuedCertificate.objects.get(fingerprint=device.enrollment.certificate_sha256)
    revoke_certificate(certificate, reason="key_compromise", now=timezone.now())
    expire(device)
    assert "revoked" in device.row.status_reason


def test_a_renewal_is_over_when_the_certificate_expires(device: MdmDevice, news: News) -> None:
    """Its page went on saying that it was under way."""
    long_ago = timezone.now() - PATIENCE - timedelta(minutes=1)
    Enrollment.objects.filter(pk=device.enrollment.pk).update(renewal_started_at=long_ago)
    command = Command.objects.get(origin="renewal")
    sweep_renewals()
    news["renewal_failed"].clear()
    expire(device)
    sweep_renewals()

    enrollment = device.enrollment
    assert enrollment.renewal_started_at is None
    assert enrollment.renewal_not_before is None
    assert "expired before the device had a new one" in enrollment.renewal_error
    [told] = news["renewal_failed"]
    assert told["message"] == enrollment.renewal_error
    command.refresh_from_db()
    assert command.state == "cancelled"
    assert Command.objects.filter(origin="renewal").count() == 1


def test_a_device_is_renewed_when_it_took_the_profile_before_its_certificate_expired(
    device: MdmDevice,
) -> None:
    command = device.take()
    assert command is not None
    expire(device)
    assert device.row.status == "not_managed"

    device.identity = install(command["Command"]["Payload"])
    assert device.token_update().status_code == 200
    assert (device.row.status, device.row.status_reason) == ("enrolled", "")
    assert device.enrollment.renewal_error == ""
    assert device.take("Acknowledged", command["CommandUUID"]) is None


def test_a_device_is_the_same_one_when_it_enrolls_again_after_its_certificate_expired(
    device: MdmDevice,
) -> None:
    before = device.row
    fall_silent(device)
    expire(device)
    device.identity = make_identity(now=timezone.now())
    device.enroll()
    assert device.row.pk == before.pk
    assert (device.row.status, device.row.status_reason) == ("enrolled", "")
    assert device.enrollment.renewal_error == ""
