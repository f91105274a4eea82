"""News of devices whose token is dead; apart from the pushes, which thousands would delay."""

from django.db import transaction

from devices.models import DeviceStatus, Enrollment
from devices.protocol.apns import Verdict
from devices.services.locks import lock_device
from devices.services.push.outcomes import tell_failure
from devices.services.push.sources import ENROLLMENTS, SOURCES, PushSource
from devices.services.status import GONE, set_status

AT_ONCE = 200


def tell_departures() -> bool:
    """Tell of up to AT_ONCE rows, each once; return whether there are more."""
    for source in SOURCES:
        untold = source.list_open().filter(
            push_suspended_at__isnull=False, push_claimed_at__isnull=False
        )
        pks = list(untold.values_list("pk", flat=True)[: AT_ONCE + 1])
        for pk in pks[:AT_ONCE]:
            _tell(source, pk)
        if len(pks) > AT_ONCE:
            return True
    return False


@transaction.atomic
def _tell(source: PushSource, pk: int) -> None:
    is_enrollment = source is ENROLLMENTS
    if is_enrollment:
        row = Enrollment.objects.filter(pk=pk).only("device_id").first()
        if row is not None:
            lock_device(row.device_id)
    # Still open: a device that was erased may have enrolled again while its lock was waited for.
    untold = source.list_open().filter(pk=pk, push_suspended_at__isnull=False)
    told = untold.filter(push_claimed_at__isnull=False).update(push_claimed_at=None)
    if not told or not is_enrollment:
        return  # else told by another worker, or a TokenUpdate was faster
    enrollment = Enrollment.objects.select_related("device").get(pk=pk)
    verdict, _, word = enrollment.push_error.partition(": ")
    if verdict == Verdict.DEVICE_GONE.value:
        reason = f"{GONE} ({word})."
        set_status(enrollment.device, status=DeviceStatus.UNENROLLED, reason=reason)
    tell_failure(enrollment)
