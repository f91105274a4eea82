"""Renewed identities of external CAs, which do not say what they renew (D3)."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Command, Enrollment
from devices.services.identities.renewal import start_due_renewals, start_renewal
from devices.services.identities.replaced import revoke_replaced
from scep.models import IssuedCertificate, ScepProfile
from scep.services.issuance import revoke_certificate
from scep.services.profiles import create_scep_profile
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import Identity, MdmDevice
from tests.scep.external.scep_server import Holder, build_name, make_authority, make_identity

NAME = "corporate device 7"


def make(holder: Holder, *, name: str = NAME, days: tuple[float, float] = (-1, 30)) -> Identity:
    new = make_identity(holder, subject=build_name(name), days=days)
    return Identity(new.key, new.certificate)


def get_enrollment(device: MdmDevice) -> Enrollment:
    return Enrollment.objects.get(device__udid=device.udid, state="live")


def get_pin(device: MdmDevice) -> IssuedCertificate:
    return IssuedCertificate.objects.get(fingerprint=get_enrollment(device).certificate_sha256)


@pytest.fixture
def device(
    make_device: MakeDevice,
    external: ScepProfile,
    authority: Holder,
    settings: Any,
) -> MdmDevice:
    settings.MDM_RENEWAL_PROFILE = "tests.devices.renewal.build"
    device = make_device()
    device.identity = make(authority)
    device.enroll()
    device.answer_everything()
    return device


@pytest.fixture
def asked(device: MdmDevice) -> MdmDevice:
    """The device has been handed a renewal."""
    start_renewal(get_enrollment(device), now=timezone.now())
    assert device.take() is not None
    return device


@pytest.mark.parametrize(
    ("renewal_days", "left", "starts"), [(60, 29, 0), (60, 9, 1), (20, 21, 0), (20, 19, 1)]
)
def test_renewal_waits_for_the_last_third_when_the_ca_issues_for_less_than_the_window(
    device: MdmDevice, external: ScepProfile, renewal_days: int, left: int, starts: int
) -> None:
    """The external CA's live for 31 days: each would be renewed as soon as it is there."""
    ScepProfile.objects.filter(pk=external.pk).update(renewal_days=renewal_days)
    pin = get_pin(device)
    assert (pin.not_after - pin.not_before).days == 31
    assert start_due_renewals(now=pin.not_after - timedelta(days=left)) == starts


def test_new_certificate_takes_over_when_the_device_was_asked_to_renew(
    asked: MdmDevice,
    authority: Holder,
) -> None:
    old = get_pin(asked)
    asked.identity = make(authority)
    assert asked.token_update().status_code == 200
    pinned = get_pin(asked)
    assert pinned.renews == old
    assert (pinned.scep_profile, pinned.device_id) == (old.scep_profile, asked.row.public_id)
    revoke_replaced(now=timezone.now() + timedelta(days=1))
    old.refresh_from_db()
    assert (old.status, old.revocation_reason) == ("revoked", "superseded")
    assert asked.connect().status_code == 200
    asked.identity = make(authority)
    assert asked.connect().status_code == 403, "one renewal, one new identity"


def test_new_certificate_takes_over_after_the_renewal_was_given_up(
    asked: MdmDevice,
    authority: Holder,
) -> None:
    Enrollment.objects.update(renewal_started_at=None, renewal_error="late")
    asked.identity = make(authority)
    assert asked.connect().status_code == 200
    assert get_enrollment(asked).renewal_error == ""


def test_new_certificate_is_refused_when_nobody_asked_for_it(
    device: MdmDevice,
    authority: Holder,
) -> None:
    start_renewal(get_enrollment(device), now=timezone.now())  # and not handed out
    pinned = get_pin(device)
    device.identity = make(authority)
    assert device.connect().status_code == 403
    assert get_pin(device) == pinned


def test_certificate_is_refused_when_it_is_older_than_the_one_that_it_would_renew(
    asked: MdmDevice,
    authority: Holder,
) -> None:
    """A copy of an earlier identity of the device, say."""
    asked.identity = make(authority, days=(-2, 30))
    assert asked.connect().status_code == 403


def test_new_certificate_is_refused_when_it_bears_another_name(
    asked: MdmDevice,
    authority: Holder,
) -> None:
    asked.identity = make(authority, name="corporate device 8")
    assert asked.connect().status_code == 403


def test_new_certificate_takes_over_when_its_name_tells_the_session(
    asked: MdmDevice,
    authority: Holder,
) -> None:
    Enrollment.objects.update(session_id="ses_00000000000000000001")
    asked.identity = make(authority, name="Fleet ses_00000000000000000002")
    assert asked.connect().status_code == 403
    asked.identity = make(authority, name="Fleet ses_00000000000000000001 by External CA")
    assert asked.connect().status_code == 200


def test_new_certificate_is_refused_when_it_is_another_ca_s(
    asked: MdmDevice,
    values: dict[str, Any],
) -> None:
    """One that GuardMDM trusts for other devices."""
    other = make_authority("Another CA")
    more = values | {"name": "Other", "trusted_ca_pem": other.pem}
    create_scep_profile(actor="tests", **more)
    asked.identity = make(other)
    assert asked.connect().status_code == 403


def test_new_certificate_is_refused_when_the_old_one_was_revoked(
    asked: MdmDevice,
    authority: Holder,
) -> None:
    revoke_certificate(get_pin(asked), reason="key_compromise", now=timezone.now())
    asked.identity = make(authority)
    assert asked.connect().status_code == 403


def test_new_certificate_enrolls_anew_when_it_comes_with_an_authenticate(
    asked: MdmDevice,
    authority: Holder,
) -> None:
    """A person enrolls the device again while its renewal is under way: that wins."""
    asked.identity = make(authority)
    asked.enroll()
    assert Enrollment.objects.filter(device__udid=asked.udid).count() == 2
    assert get_enrollment(asked).previous_certificate_sha256 == ""
    assert not Command.objects.filter(origin="renewal", state="sent").exists()
