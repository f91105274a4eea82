"""Many enrolled devices at once, as rows: only their pushes are looked at."""

import uuid
from datetime import timedelta

from django.utils import timezone

from devices.models import Command, Device, DeviceStatus, Enrollment, EnrollmentState
from devices.selectors import get_push_certificate
from tests.simulator.apns import FakeApns


class Fleet:
    """Devices that APNs knows, each with a command that waits and a push that is asked for."""

    def __init__(self, apns: FakeApns) -> None:
        self._apns = apns
        self.tokens: list[bytes] = []

    def add(self, count: int, *, apns: FakeApns | None = None) -> list[bytes]:
        """Enroll so many more; return their tokens."""
        now, topic = timezone.now(), get_push_certificate().topic
        tokens = [uuid.uuid4().bytes * 2 for _ in range(count)]
        devices = Device.objects.bulk_create(
            Device(udid=token.hex(), status=DeviceStatus.ENROLLED) for token in tokens
        )
        enrollments = Enrollment.objects.bulk_create(
            Enrollment(
                device=device,
                state=EnrollmentState.LIVE,
                certificate_sha256=token.hex(),
                certificate_not_after=now + timedelta(days=365),
                topic=topic,
                push_token=token,
                push_magic=token.hex().encode(),
                token_update_count=1,
                token_updated_at=now - timedelta(days=1),
                push_requested_at=now,
                push_turn=now,
            )
            for device, token in zip(devices, tokens, strict=True)
        )
        Command.objects.bulk_create(
            Command(
                uuid=str(uuid.uuid4()),
                enrollment=each,
                device_id=each.device_id,
                request_type="X",
                body=b"",
            )
            for each in enrollments
        )
        for token in tokens:
            (apns or self._apns).register(token, token.hex(), topic)
        self.tokens += tokens
        return tokens
