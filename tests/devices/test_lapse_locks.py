"""PostgreSQL: an identity that is revoked while its device enrolls with another one."""

import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone

from devices.services.locks import lock_device
from scep.models import IssuedCertificate
from scep.services.issuance import revoke_certificate
from tests.devices.conftest import MakeDevice
from tests.devices.mdm_device import make_identity

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no row locks"),
]


def test_device_stays_enrolled_when_its_former_identity_is_revoked_at_that_moment(
    make_device: MakeDevice,
) -> None:
    device = make_device().enroll()
    former = IssuedCertificate.objects.get(fingerprint=device.enrollment.certificate_sha256)
    device.identity = make_identity(now=timezone.now())
    assert device.authenticate().status_code == 200

    def revoke() -> None:
        revoke_certificate(former, reason="key_compromise", now=timezone.now())
        connection.close()

    with transaction.atomic():
        lock_device(device.row.pk)
        revoking = threading.Thread(target=revoke)
        revoking.start()
        threading.Event().wait(0.5)
        assert device.token_update().status_code == 200
    revoking.join(30)

    former.refresh_from_db()
    assert former.status == "revoked"
    assert (device.row.status, device.row.status_reason) == ("enrolled", "")
    assert device.connect().status_code == 200
