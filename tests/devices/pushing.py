"""What the tests of pushes say often."""

from datetime import datetime, timedelta

from django.utils import timezone

from devices.models import Command, Enrollment
from devices.services.apns import channel as apns_channel
from devices.services.push.departures import tell_departures
from devices.services.push.sending import send_pushes
from tests.simulator.apns import FakeApns


def push(*, now: datetime | None = None) -> int:
    """Send all that is asked for, tell of dead tokens; return how many pushes APNs took."""
    report = send_pushes(clock=(lambda: now) if now else timezone.now)
    if report.has_dead:
        tell_departures()
    return report.delivered


def ask(*, ago: timedelta = timedelta(0)) -> None:
    """All devices have been asked for a push, and rested before."""
    Enrollment.objects.update(
        push_requested_at=timezone.now() - ago, push_not_before=None, push_claimed_at=None
    )


def close_channels() -> None:
    """As in a process that has just begun: no connection, and no rest that one has to keep."""
    for channel in list(apns_channel._channels.values()):
        apns_channel.drop_channel(channel)


def forget_commands() -> None:
    Command.objects.all().delete()


def count_by_token(apns: FakeApns) -> dict[bytes | None, int]:
    counts: dict[bytes | None, int] = {}
    for delivery in apns.deliveries:
        counts[delivery.token] = counts.get(delivery.token, 0) + 1
    return counts
