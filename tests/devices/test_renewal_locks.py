"""PostgreSQL: an identity that is revoked while its device comes with the one that renews it."""

import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone

from devices.services.locks import lock_device
from scep.models import IssuedCertificate
from scep.services.authority import revoke_certificate
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
