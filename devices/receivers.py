"""News of this app that starts work."""

from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from devices.models import BulkCommand, Command, Enrollment, UserChannel
from devices.services.identities.renewal import settle_renewal
from devices.services.identities.renewed import RENEWAL_ORIGIN
from devices.services.identities.replaced import revoke_heirs
from devices.services.lapse import mark_identity_revoked
from devices.services.push.announcement import Announcement, gather
from devices.signals import bulk_requested, command_finished, enrollment_ended, push_requested
from devices.tasks import queue_bulk, revoke_identity, send_requested_pushes
from scep.models import IssuedCertificate
from scep.signals import certificate_revoked


@receiver(push_requested)
def start_push(target: Enrollment | UserChannel, **_: Any) -> None:
    def publish() -> None:
        if gather(target) or not Announcement.make():
            return
        started = None
        try:
            started = send_requested_pushes.delay()
        finally:
            if started is None:
                Announcement.end()

    # robust: whatever is wrong with the broker, the request that queued the command succeeds.
    transaction.on_commit(publish, robust=True)


@receiver(bulk_requested)
def start_bulk(bulk: BulkCommand, **_: Any) -> None:
    transaction.on_commit(lambda: queue_bulk.delay(bulk.pk, bulk.total), robust=True)


@receiver(enrollment_ended)
def end_identity(enrollment: Enrollment, **_: Any) -> None:
    transaction.on_commit(lambda: revoke_identity.delay(enrollment.pk), robust=True)


@receiver(certificate_revoked)
def lose_identity(certificate: IssuedCertificate, **_: Any) -> None:
    """At once and in the same transaction: a revoked device must not look managed."""
    mark_identity_revoked(certificate.fingerprint or "")
    revoke_heirs(certificate, now=certificate.revoked_at or timezone.now())


@receiver(command_finished)
def note_renewal(command: Command, **_: Any) -> None:
    """A refused renewal is shown at once; the sweep tries it again."""
    if command.origin != RENEWAL_ORIGIN:
        return
    enrollment = command.enrollment
    if command.uuid == enrollment.renewal_command_uuid:
        settle_renewal(enrollment, now=command.completed_at or timezone.now())
