"""News from the apps below, noted for the webhooks that want it."""

from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from devices import signals as devices
from devices.models import Command, CommandState, Device, DeviceStatus, Enrollment
from enrollment import signals as enrollment_signals
from enrollment.models import EnrollmentToken, LogEntry
from policies import signals as policies
from policies.models import ItemStatus
from scep import signals as scep
from scep.models import IssuedCertificate
from webhooks.services.announcement import SOON_SECONDS, Announcement
from webhooks.services.descriptions import (
    describe_certificate,
    describe_command,
    describe_device,
    describe_enrollment,
    describe_entry,
    describe_item,
    describe_token,
)
from webhooks.services.events import note_event
from webhooks.signals import deliveries_waiting
from webhooks.tasks import send_deliveries

OF_STATUS: dict[str, str] = {
    DeviceStatus.MANAGED: "device.managed",
    DeviceStatus.NOT_MANAGED: "device.not_managed",
    DeviceStatus.UNENROLLED: "device.unenrolled",
}
OF_COMMAND: dict[str, str] = {
    CommandState.ACKNOWLEDGED: "command.succeeded",
    CommandState.ERROR: "command.failed",
    CommandState.FORMAT_ERROR: "command.failed",
}


@receiver(devices.device_enrolled)
def note_enrolled(enrollment: Enrollment, renewed: bool, **_: Any) -> None:
    note_event("device.enrolled", partial(describe_enrollment, enrollment, renewed=renewed))


@receiver(devices.device_status_changed)
def note_status(device: Device, **_: Any) -> None:
    event_type = OF_STATUS.get(device.status)
    if event_type is not None:
        note_event(event_type, lambda: {"device": describe_device(device)})


@receiver(devices.command_finished)
def note_command(command: Command, **_: Any) -> None:
    event_type = OF_COMMAND.get(command.state)
    if event_type is not None:
        note_event(event_type, partial(describe_command, command))


@receiver(policies.item_failed)
def note_item(status: ItemStatus, message: str, **_: Any) -> None:
    note_event("policy_item.failed", partial(describe_item, status, message=message))


@receiver(scep.certificate_issued)
def note_certificate(certificate: IssuedCertificate, **_: Any) -> None:
    note_event("certificate.issued", partial(describe_certificate, certificate))


@receiver(scep.certificate_revoked)
def note_revocation(certificate: IssuedCertificate, **_: Any) -> None:
    note_event("certificate.revoked", partial(describe_certificate, certificate))


@receiver(enrollment_signals.token_created)
def note_token(token: EnrollmentToken, **_: Any) -> None:
    note_event("token.created", partial(describe_token, token))


@receiver(enrollment_signals.token_revoked)
def note_revoked_token(token: EnrollmentToken, **_: Any) -> None:
    note_event("token.revoked", partial(describe_token, token))


@receiver(enrollment_signals.trouble_logged)
def note_trouble(entry: LogEntry, **_: Any) -> None:
    note_event(f"log.{entry.level}", partial(describe_entry, entry))


@receiver(deliveries_waiting)
def start_sending(webhook_id: int, **_: Any) -> None:
    """After the commit; where that fails the sweep does it later."""

    def publish() -> None:
        if Announcement.make(webhook_id):
            send_deliveries.apply_async((webhook_id,), countdown=SOON_SECONDS)

    # robust: whatever is wrong with the broker, the request that brought the news succeeds.
    transaction.on_commit(publish, robust=True)
