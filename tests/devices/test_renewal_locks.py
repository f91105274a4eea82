"""PostgreSQL: an identity that is revoked while its device comes with the one that renews it."""

import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone

from devices.protocol.checkin import Authenticate, decode_checkin
from devices.services.authenticate import authenticate
from devices.services.locks import lock_device
from scep.models import IssuedCertificate
from scep.services.issuance import revoke_certificate
from tests.devices.conftest import MakeDevice
from tests.devices.renewal import renew

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no row locks"),
]


def test_device_and_administrator_do_not_wait_for_each_other_when_a_renewed_identity_is_revoked(
    make_device: MakeDevice,
) -> None:
    """Each held what the other wanted, until PostgreSQL broke one of them off."""
    device = make_device().enroll()
    device.identity = renew(device)
    assert device.connect().status_code == 200
    pinned = IssuedCertificate.objects.get(fingerprint=device.enrollment.certificate_sha256)
    second = renew(device)
    statuses: list[int] = []
    revoked: list[bool] = []

    def come() -> None:
        device.identity = second
        statuses.append(device.connect().status_code)
        connection.close()

    def revoke() -> None:
        revoke_certificate(pinned, reason="key_compromise", now=timezone.now())
        revoked.append(True)
        connection.close()

    coming, revoking = threading.Thread(target=come), threading.Thread(target=revoke)
    with transaction.atomic():
        lock_device(device.row.pk)  # so that both are where they wait for it, or for the list
        coming.start()
        threading.Event().wait(0.5)
        revoking.start()
        threading.Event().wait(0.5)
    coming.join(30)
    revoking.join(30)
    assert (statuses[0] in (200, 403), revoked) == (True, [True])


def test_two_messages_with_a_new_identity_do_not_wait_for_each_other_when_one_is_an_authenticate(
    make_device: MakeDevice,
) -> None:
    """One held the certificate and wanted the device, the other had it the other way round."""
    device = make_device().enroll()
    device.identity = renew(device)
    assert device.identity.row is not None
    facts = {"SerialNumber": device.serial, "OSVersion": "18.1"}
    message = decode_checkin(device.message("Authenticate", **facts))
    assert isinstance(message, Authenticate)
    statuses: list[int] = []

    def come() -> None:
        statuses.append(device.connect().status_code)
        connection.close()

    coming = threading.Thread(target=come)
    challenge = f"group-{device.group.pk}"
    with transaction.atomic():
        IssuedCertificate.objects.select_for_update().get(pk=device.identity.row.pk)
        coming.start()
        threading.Event().wait(0.5)
        # It had not found the enrollment that the certificate renews: that is of this moment, too.
        authenticate(
            message, certificate=device.identity.row, challenge=challenge, now=timezone.now()
        )
    coming.join(30)
    assert statuses == [403]
    assert device.token_update().status_code == 200
    assert device.connect().status_code == 200
