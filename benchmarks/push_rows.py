"""Devices to push to, and the task that does it; run with an installation's settings.

python -m benchmarks.push_rows add --dead 9000 --living 1000
python -m benchmarks.push_rows push
"""

import argparse
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devices.models import Device, Enrollment

BATCH = 500


def build_token(number: int, *, is_dead: bool) -> bytes:
    return (b"dead" if is_dead else b"live") + number.to_bytes(28, "big")


def build_magic(number: int) -> str:
    """Like a device's: a UUID."""
    return f"00000000-0000-4000-8000-{number:012d}"


def add(*, dead: int, silent_days: int, living: int) -> None:
    """Replace all devices; each was asked a push for, the dead ones before the living.

    The dead ones were not heard of for `silent_days`; 0: just now, after all the living.
    """
    from django.utils import timezone

    from devices.models import Device

    Device.objects.all().delete()
    now = timezone.now()
    heard = now - timedelta(days=silent_days)
    for is_dead, count, asked, seen in (
        (False, living, now, now - timedelta(minutes=1)),
        (True, dead, now - timedelta(minutes=1), heard),
    ):
        for start in range(0, count, BATCH):
            tokens = [
                (number, build_token(number, is_dead=is_dead))
                for number in range(start, min(start + BATCH, count))
            ]
            _add_batch(tokens, asked=asked, seen=seen)


def _add_batch(tokens: Sequence[tuple[int, bytes]], *, asked: datetime, seen: datetime) -> None:
    from devices.models import Device, DeviceStatus, Enrollment
    from devices.selectors import get_push_certificate

    topic = get_push_certificate().topic
    devices = Device.objects.bulk_create(
        Device(udid=token.hex(), status=DeviceStatus.ENROLLED) for _, token in tokens
    )
    Enrollment.objects.bulk_create(
        _build_enrollment(device, number, token, topic=topic, asked=asked, seen=seen)
        for device, (number, token) in zip(devices, tokens, strict=True)
    )


def _build_enrollment(
    device: "Device", number: int, token: bytes, *, topic: str, asked: datetime, seen: datetime
) -> "Enrollment":
    from devices.models import Enrollment, EnrollmentState

    return Enrollment(
        device=device,
        state=EnrollmentState.LIVE,
        certificate_sha256=token.hex(),
        certificate_not_after=asked + timedelta(days=365),
        topic=topic,
        push_token=token,
        push_magic=build_magic(number).encode(),
        token_update_count=1,
        token_updated_at=asked - timedelta(days=1),
        last_seen_at=seen,
        connected_at=seen,
        push_requested_at=asked,
        push_turn=seen,
    )


def main() -> None:
    import django

    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add")
    adding.add_argument("--dead", type=int, default=0)
    adding.add_argument("--silent-days", type=int, default=0)
    adding.add_argument("--living", type=int, default=0)
    commands.add_parser("push")
    options = parser.parse_args()
    django.setup()
    if options.command == "add":
        add(dead=options.dead, silent_days=options.silent_days, living=options.living)
        return
    from devices.tasks import send_requested_pushes

    send_requested_pushes.delay()


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guardmdm.settings")
    import guardmdm.celery  # noqa: F401 - the app that tasks are sent with

    main()
