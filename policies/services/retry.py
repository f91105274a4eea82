"""An administrator asks again for what was given up."""

from django.db import transaction
from django.utils import timezone

from devices.models import Enrollment
from organization.services.audit import record
from policies.models import ItemState, ItemStatus
from policies.signals import status_retried


@transaction.atomic
def retry_item(status: ItemStatus, *, actor: str) -> bool:
    """Start it afresh: install it again, or go on removing it.

    Return False, and do nothing, while it is on its way, where it is done, and where it is gone.
    """
    held = Enrollment.objects.select_for_update(no_key=True).filter(pk=status.enrollment_id)
    held.values_list("pk").first()  # none where the device was deleted, and its items with it
    fresh = ItemStatus.objects.filter(pk=status.pk).first()
    if fresh is None or fresh.is_awaited or fresh.state == ItemState.INSTALLED:
        return False
    status = fresh
    removal, pending = ItemState.REMOVING, ItemState.PENDING
    status.state = removal if status.state == removal else pending
    status.attempts, status.error = 0, ""
    # A removal that is due at no moment counts as given up.
    status.due_at = timezone.now() if status.state == removal else None
    status.save()
    device = status.enrollment.device
    record(
        actor,
        action="policy_item.retry",
        subject_id=device.public_id,
        subject=str(device),
        detail={"item": status.name},
    )
    status_retried.send(ItemStatus, status=status)
    return True
