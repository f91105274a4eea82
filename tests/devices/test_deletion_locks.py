"""PostgreSQL: a record that is deleted while a message of its device waits for it."""

import threading

import pytest
from django.db import connection, transaction

from devices.models import Device, DeviceStatus
from devices.services.locks import lock_device
from tests.devices.conftest import MakeDevice

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no row locks"),
]


def test_a_message_is_put_off_when_the_record_goes_at_that_moment(make_device: MakeDevice) -> None:
    device = make_device().enroll()
    Device.objects.update(status=DeviceStatus.UNENROLLED)
    answers: list[int] = []

    def send() -> None:
        answers.append(device.token_update().status_code)
        connection.close()

    with transaction.atomic():
        lock_device(device.row.pk)
        sender = threading.Thread(target=send)
        sender.start()
        threading.Event().wait(0.5)
        Device.objects.all().delete()
    sender.join(30)
    assert answers in ([503], [403])
    assert device.token_update().status_code == 403
