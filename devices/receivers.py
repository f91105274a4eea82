"""News of this app that starts work."""

import logging
from typing import Any

from django.db import transaction
from django.dispatch import receiver
from kombu.exceptions import OperationalError

from devices.models import Enrollment
from devices.services.lapse import mark_identity_revoked
from devices.signals import push_requested
from devices.tasks import push_device
from scep.models import IssuedCertificate
from scep.signals import certificate_revoked

log = logging.getLogger(__name__)


@receiver(push_requested)
def start_push(enrollment: Enrollment, **_: Any) -> None:
    def publish() -> None:
        try:
            push_device.delay(enrollment.pk)
        except OperationalError as error:
            log.warning("the broker is unreachable (%s); the sweep will push later", error)

    # robust: whatever is wrong with the broker, the request that queued the command succeeds.
    transaction.on_commit(publish, robust=True)


@receiver(certificate_revoked)
def lose_identity(certificate: IssuedCertificate, **_: Any) -> None:
    """At once and in the same transaction: a revoked device must not look managed."""
    mark_identity_revoked(certificate.fingerprint or "")
