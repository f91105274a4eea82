"""The push certificate comes to its end: told in time, and once for each threshold."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from devices.models import PushCertificate
from devices.selectors import find_push_certificate
from devices.services.push.alarms import EXPIRED, is_first_alarm
from devices.signals import push_certificate_expiring

WARNING_DAYS = (60, 30, 7, 0)
HAS_EXPIRED = -1
"""Days left: on its last day there are 0, and it still works."""


@transaction.atomic
def warn_push_certificate(*, now: datetime) -> bool:
    """Send push_certificate_expiring when the next threshold has passed; return whether it was.

    That it has expired is told once, by this or by the first push that finds it so.
    """
    row = find_push_certificate()
    if row is None or row.not_after is None:
        return False
    left = row.not_after - now
    passed = [days for days in WARNING_DAYS if left <= timedelta(days=days)]
    if not passed or not _note_warning(row, days=min(passed)):
        return False
    days = max(left.days, HAS_EXPIRED)
    if days == HAS_EXPIRED and not is_first_alarm(row.topic, EXPIRED):
        return False
    push_certificate_expiring.send(PushCertificate, certificate=row, days=days)
    return True


def _note_warning(row: PushCertificate, *, days: int) -> bool:
    """Two workers may sweep at once: whoever changes the row gives the warning."""
    earlier = Q(warned_days=None) | Q(warned_days__gt=days)
    return bool(PushCertificate.objects.filter(earlier, pk=row.pk).update(warned_days=days))
