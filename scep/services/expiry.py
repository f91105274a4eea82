"""Certificates of the CA and of this server that come to their end: told in time, and once."""

from datetime import datetime, timedelta

from django.db import models, transaction

from scep.models import CertificateAuthority, ServiceCertificate
from scep.selectors import ExpiringCertificate, list_expiring
from scep.signals import certificate_expiring

WARNING_DAYS = (90, 60, 30, 7, 0)


def warn_expiring(*, now: datetime) -> int:
    """Send certificate_expiring for each CA and service certificate that passes a threshold.

    Return how many warnings were given. Where the server slept through several, the last counts.
    """
    ahead = timedelta(days=max(WARNING_DAYS))
    return sum(_warn(each, now=now) for each in list_expiring(now=now, within=ahead))


def _warn(expiring: ExpiringCertificate, *, now: datetime) -> int:
    left = expiring.not_after - now
    threshold = min(days for days in WARNING_DAYS if left <= timedelta(days=days))
    with transaction.atomic():
        # Two workers may sweep at once: whoever changes the row gives the warning.
        if not _note_warning(expiring.row, days=threshold):
            return 0
        certificate_expiring.send(
            sender=type(expiring.row),
            name=expiring.name,
            days=expiring.days,
            not_after=expiring.not_after,
            kind=expiring.kind,
        )
    return 1


def _note_warning(row: CertificateAuthority | ServiceCertificate, *, days: int) -> int:
    earlier = models.Q(warned_days=None) | models.Q(warned_days__gt=days)
    return type(row)._default_manager.filter(earlier, pk=row.pk).update(warned_days=days)
