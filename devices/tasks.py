"""Work that needs no device waiting for it; every task may run twice, or never."""

from celery import shared_task
from django.utils import timezone

from devices.models import UserChannel
from devices.services.inventory import ask_due
from devices.services.lapse import mark_lapsed
from devices.services.push import push, request_due_pushes
from devices.services.push_certificate_expiry import warn_push_certificate
from devices.services.queue import expire_commands
from devices.services.renewal import settle_renewals, start_due_renewals
from devices.services.replaced_identities import revoke_replaced
from devices.services.retention import forget_contents
from devices.services.software_counts import count_software


@shared_task  # type: ignore[untyped-decorator]
def push_device(enrollment_id: int) -> None:
    """Send the enrollment's requested push, if it is still to be sent."""
    push(enrollment_id, now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def push_user_channel(user_channel_id: int) -> None:
    """Send the requested push of a user's channel, if it is still to be sent."""
    push(user_channel_id, model=UserChannel, now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def sweep_renewals() -> None:
    """Renew identities in time, try again what failed, revoke what was replaced a day ago."""
    now = timezone.now()
    settle_renewals(now=now)
    start_due_renewals(now=now)
    revoke_replaced(now=now)


@shared_task  # type: ignore[untyped-decorator]
def sweep_inventory() -> None:
    """Ask the devices for their facts whose daily time has come."""
    ask_due(now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def sweep_software() -> None:
    """Count who has which app."""
    count_software(now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def sweep_commands() -> None:
    """Wake the devices whose pushes were lost, put off, or not answered; give up the lapsed.

    Commands that have expired wake nobody any more, and those long over lose their contents.
    """
    expire_commands(now=timezone.now())
    forget_contents(now=timezone.now())
    mark_lapsed(now=timezone.now())
    for enrollment_id in request_due_pushes(now=timezone.now()):
        push_device.delay(enrollment_id)
    for user_channel_id in request_due_pushes(model=UserChannel, now=timezone.now()):
        push_user_channel.delay(user_channel_id)


@shared_task  # type: ignore[untyped-decorator]
def check_push_certificate() -> None:
    """Warn while there is time to renew the push certificate."""
    warn_push_certificate(now=timezone.now())
