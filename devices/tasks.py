"""Work that needs no device waiting for it; every task may run twice, or never."""

from celery import shared_task
from django.utils import timezone

from devices.services.bulk_commands import find_stalled_bulks, queue_portion
from devices.services.lapse import mark_lapsed
from devices.services.push import push, request_due_pushes
from devices.services.renewal import settle_renewals, start_due_renewals
from devices.services.replaced_identities import revoke_replaced


@shared_task  # type: ignore[untyped-decorator]
def push_device(enrollment_id: int) -> None:
    """Send the enrollment's requested push, if it is still to be sent."""
    push(enrollment_id, now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def queue_bulk(bulk_id: int) -> None:
    """Queue a command for the next devices of many, and leave the others to another task."""
    if queue_portion(bulk_id, now=timezone.now()):
        queue_bulk.delay(bulk_id)


@shared_task  # type: ignore[untyped-decorator]
def sweep_renewals() -> None:
    """Renew identities in time, try again what failed, revoke what was replaced a day ago."""
    now = timezone.now()
    settle_renewals(now=now)
    start_due_renewals(now=now)
    revoke_replaced(now=now)


@shared_task  # type: ignore[untyped-decorator]
def sweep_commands() -> None:
    """Wake the devices whose pushes were lost, put off, or not answered; give up the lapsed."""
    mark_lapsed(now=timezone.now())
    for enrollment_id in request_due_pushes(now=timezone.now()):
        push_device.delay(enrollment_id)
    for bulk_id in find_stalled_bulks(now=timezone.now()):
        queue_bulk.delay(bulk_id)
