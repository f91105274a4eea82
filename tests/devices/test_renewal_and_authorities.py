"""When a device is renewed for its CA's sake, and when that would gain nothing."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from scep.models import CertificateAuthority, IssuedCertificate
from scep.selectors import get_issuing_ca
from scep.services.authority_end import revoke_authority
from scep.services.profiles import create_scep_profile
from scep.services.rotation import activate_authority, prepare_authority
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import MdmDevice
from tests.devices.renewal import install, make_due
from tests.devices.test_renewal import DAY, HOUR, sweep, take_payload


@pytest.fixture
def device(make_device: MakeDevice, settings: Any) -> MdmDevice:
    settings.MDM_RENEWAL_PROFILE = "tests.devices.renewal.build"
    device = make_device().enroll()
    device.answer_everything()
    return device


def test_a_device_is_left_alone_while_its_next_identity_would_end_no_later(
    device: MdmDevice,
) -> None:
    """Near the CA's end, whole fleets would be renewed again and again."""
    make_due(device, days=10)
    authorities = CertificateAuthority.objects.filter(pk=get_issuing_ca().pk)
    authorities.update(not_after=device.enrollment.certificate_not_after + HOUR)
    assert sweep() == 0
    next_ca = prepare_authority(
        key_type="ec_p256", activates_at=None, actor="tests", now=timezone.now()
    )
    activate_authority(next_ca, actor="tests", now=timezone.now())
    assert sweep() == 1


@pytest.mark.parametrize(
    ("validity_days", "longer"), [(365, 2 * HOUR), (365, 5 * DAY), (365, 5000 * DAY), (3, HOUR)]
)
def test_a_device_is_renewed_when_its_next_identity_ends_later_or_as_its_profile_wants(
    device: MdmDevice, validity_days: int, longer: timedelta
) -> None:
    """However short the profile's certificates have become: the last one would just expire."""
    profile = create_scep_profile(
        name="Short", challenge_type="dynamic", validity_days=validity_days, actor="tests"
    )
    IssuedCertificate.objects.update(scep_profile=profile)
    make_due(device, days=10)
    authorities = CertificateAuthority.objects.filter(pk=get_issuing_ca().pk)
    authorities.update(not_after=device.enrollment.certificate_not_after + longer)
    assert sweep() == 1


def test_a_device_is_renewed_at_once_when_its_ca_was_revoked(device: MdmDevice) -> None:
    old, now = get_issuing_ca(), timezone.now()
    next_ca = prepare_authority(key_type="ec_p256", activates_at=None, actor="tests", now=now)
    activate_authority(next_ca, actor="tests", now=now)
    assert sweep() == 0
    old.refresh_from_db()
    revoke_authority(old, reason="key_compromise", actor="tests", now=now)
    assert sweep(after=HOUR) == 1
    uuid, payload = take_payload(device)
    device.identity = install(payload)
    device.token_update()
    assert device.take("Acknowledged", uuid) is None
    assert sweep(after=HOUR) == 0
