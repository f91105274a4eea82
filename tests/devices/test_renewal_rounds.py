"""R7 with many devices: a sweep looks at a portion of them, and at no certificate in vain."""

from datetime import datetime

import pytest

from devices.services.identities import renewal
from scep.models import IssuedCertificate, ScepProfile
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import MdmDevice
from tests.devices.renewal import make_due
from tests.devices.test_renewal import device, sweep

__all__ = ["device"]
pytestmark = pytest.mark.django_db


def test_each_device_is_renewed_in_its_turn_when_there_are_many(
    device: MdmDevice, make_device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run looks at a portion of them, so it costs the same however many there are."""
    monkeypatch.setattr(renewal, "PORTION", 2)
    others = [make_device().enroll() for _ in range(3)]
    for each in (device, *others):
        make_due(each)
    assert [sweep() for _ in range(3)] == [2, 2, 0]


def test_no_certificate_is_looked_at_when_none_can_be_due(
    device: MdmDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[IssuedCertificate] = []

    def look(row: IssuedCertificate) -> datetime:
        looked_at.append(row)
        return row.not_after

    monkeypatch.setattr(renewal, "get_renewal_window", look)
    make_due(device, days=181)
    assert sweep() == 0
    assert looked_at == []
    ScepProfile.objects.update(renewal_days=300)
    assert sweep() == 0
    assert len(looked_at) == 1
