"""The usual message of a device whose identity an external CA has issued: by one statement too."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import Command, Enrollment
from devices.protocol.identity import Proof
from devices.services.known_sender import find_known_sender
from devices.services.queue import enqueue
from scep.models import CertificateAuthority, IssuedCertificate, ScepProfile
from scep.services.issuance import revoke_certificate
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import MdmDevice
from tests.devices.test_external_renewal import get_enrollment, make
from tests.scep.external.scep_server import Holder


@pytest.fixture
def device(make_device: MakeDevice, external: ScepProfile, authority: Holder) -> MdmDevice:
    device = make_device()
    device.identity = make(authority)
    device.enroll()
    device.answer_everything()
    Command.objects.all().delete()
    return device


def count_statements(send: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        send()
    return len(queries)


def is_known(device: MdmDevice) -> bool:
    proof = Proof(device.identity.certificate)
    return find_known_sender(proof, udid=device.udid, now=timezone.now()) is not None


def test_its_messages_take_as_few_statements_as_those_of_our_own_ca(device: MdmDevice) -> None:
    assert count_statements(device.connect) == 1
    assert count_statements(device.token_update) == 1
    uuid = enqueue(get_enrollment(device), command={"RequestType": "RestartDevice"}).uuid
    assert count_statements(device.take) == 2
    assert count_statements(lambda: device.connect("Acknowledged", uuid)) <= 2
    assert Command.objects.get().state == "acknowledged"


def test_a_token_update_is_stored(device: MdmDevice) -> None:
    before = get_enrollment(device)
    assert device.token_update(Token=b"\x07" * 32).status_code == 200
    after = get_enrollment(device)
    assert bytes(after.push_token or b"") == b"\x07" * 32
    assert after.token_update_count == before.token_update_count + 1


def _distrust(device: MdmDevice, profile: ScepProfile) -> None:
    profile.trusted_cas.clear()


def _revoke(device: MdmDevice, profile: ScepProfile) -> None:
    row = IssuedCertificate.objects.get(fingerprint=get_enrollment(device).certificate_sha256)
    revoke_certificate(row, reason="key_compromise", now=timezone.now())


@pytest.mark.parametrize("change", [_distrust, _revoke])
def test_what_an_administrator_changes_counts_from_the_next_message(
    device: MdmDevice,
    external: ScepProfile,
    change: Callable[[MdmDevice, ScepProfile], None],
) -> None:
    uuid = enqueue(get_enrollment(device), command={"RequestType": "RestartDevice"}).uuid
    assert is_known(device)
    updates = get_enrollment(device).token_update_count
    change(device, external)
    assert not is_known(device)
    assert device.connect().status_code == 403
    assert device.connect("Acknowledged", uuid).status_code == 403
    assert device.token_update().status_code == 403
    assert Command.objects.get().state in ("queued", "cancelled")
    assert Enrollment.objects.get().token_update_count == updates


def test_a_ca_that_has_expired_is_left_to_the_ordinary_way(device: MdmDevice) -> None:
    assert is_known(device)
    CertificateAuthority.objects.filter(role="external").update(
        not_after=timezone.now() - timedelta(minutes=2)
    )
    assert not is_known(device)


def test_a_ca_of_the_same_bytes_must_be_an_external_one_still(device: MdmDevice) -> None:
    CertificateAuthority.objects.filter(role="external").update(role="intermediate")
    assert not is_known(device)
