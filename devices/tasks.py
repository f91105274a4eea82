"""Work that needs no device waiting for it; every task may run twice, or never."""

from celery import shared_task
from django.utils import timezone

from devices.models import Enrollment
from devices.services.bulk_commands import claim_stalled_bulks, queue_portion
from devices.services.identities.ended import revoke_ended, revoke_ended_identity
from devices.services.identities.renewal import settle_renewals, start_due_renewals
from devices.services.identities.replaced import revoke_replaced
from devices.services.inventory import ask_due
from devices.services.lapse import mark_lapsed
from devices.services.push.announcement import SOON_SECONDS, Announcement
from devices.services.push.certificate_expiry import warn_push_certificate
from devices.services.push.departures import tell_departures
from devices.services.push.poke import poke_silent
from devices.services.push.requests import request_due_pushes
from devices.services.push.sending import send_pushes
from devices.services.queue import expire_commands, offer_again_after_clock
from devices.services.retention import forget_contents
from devices.services.software_counts import count_software


@shared_task  # type: ignore[untyped-decorator]
def send_requested_pushes() -> None:
    """Send every push that was asked for; in turns, where there are very many."""
    Announcement.end()
    report = send_pushes()
    if report.has_more:
        send_requested_pushes.delay()
    elif report.has_dead:  # after the pushes; what earlier turns have met, the sweep tells
        tell_push_departures.delay()
    if report.has_soon and Announcement.make_soon():
        send_requested_pushes.apply_async(countdown=SOON_SECONDS)


@shared_task  # type: ignore[untyped-decorator]
def tell_push_departures() -> None:
    """Tell of devices whose token APNs has called dead; in turns, too."""
    if tell_departures():
        tell_push_departures.delay()


@shared_task  # type: ignore[untyped-decorator]
def poke_silent_devices() -> None:
    """Wake some devices that were not heard of for long."""
    if poke_silent(now=timezone.now()):
        send_requested_pushes.delay()


@shared_task  # type: ignore[untyped-decorator]
def queue_bulk(bulk_id: int, left: int | None = None) -> None:
    """Queue a command for the next devices of many, and leave the others to another task.

    `left`: of the devices that still wait; a task that runs twice is followed by one alone.
    """
    if still_left := queue_portion(bulk_id, left=left, now=timezone.now()):
        queue_bulk.delay(bulk_id, still_left)


@shared_task  # type: ignore[untyped-decorator]
def revoke_identity(enrollment_id: int) -> None:
    """Revoke the identity of an enrollment that is over."""
    enrollment = Enrollment.objects.filter(pk=enrollment_id).first()
    if enrollment is not None:
        revoke_ended_identity(enrollment, now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def sweep_renewals() -> None:
    """Renew identities in time, try again what failed, revoke what was replaced a day ago.

    And what belongs to enrollments that are over.
    """
    now = timezone.now()
    settle_renewals(now=now)
    start_due_renewals(now=now)
    revoke_replaced(now=now)
    revoke_ended(now=now)


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
    offer_again_after_clock(now=timezone.now())
    forget_contents(now=timezone.now())
    mark_lapsed(now=timezone.now())
    request_due_pushes(now=timezone.now())
    tell_push_departures.delay()
    send_requested_pushes.delay()
    for bulk_id, left in claim_stalled_bulks(now=timezone.now()).items():
        queue_bulk.delay(bulk_id, left)


@shared_task  # type: ignore[untyped-decorator]
def check_push_certificate() -> None:
    """Warn while there is time to renew the push certificate."""
    warn_push_certificate(now=timezone.now())
