"""News that may change what a device should have or has: a task is started on commit."""

from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from devices.models import Command, Device, Enrollment
from devices.selectors import find_live_enrollment
from devices.signals import (
    applications_reported,
    command_finished,
    device_enrolled,
    device_group_changed,
    device_heard_again,
    profiles_reported,
)
from policies.models import ItemStatus, Policy
from policies.services.installs import ITEM_ORIGIN, POLICIES_ORIGIN
from policies.services.rollouts import begin_rollouts
from policies.signals import policy_changed, status_retried
from policies.tasks import apply_group, apply_policies


def start(task: Any, row_id: int) -> None:
    """Publish after the commit; where that fails the sweep does it later."""
    # No partial, which Django cannot name when it tells that it has failed.
    transaction.on_commit(lambda: task.delay(row_id), robust=True)


@receiver([device_enrolled, device_heard_again, profiles_reported, applications_reported])
def apply_to_enrollment(sender: Any, *, enrollment: Enrollment, **_: Any) -> None:
    start(apply_policies, enrollment.pk)


@receiver(command_finished)
def apply_after_command(sender: Any, *, command: Command, **_: Any) -> None:
    if command.origin == POLICIES_ORIGIN or command.origin.startswith(ITEM_ORIGIN):
        start(apply_policies, command.enrollment_id)


@receiver(device_group_changed)
def apply_to_device(sender: Any, *, device: Device, **_: Any) -> None:
    enrollment = find_live_enrollment(device)
    if enrollment is not None:
        start(apply_policies, enrollment.pk)


@receiver(policy_changed)
def apply_to_groups(sender: Any, *, policy: Policy, group_ids: list[int], **_: Any) -> None:
    begin_rollouts(group_ids, now=timezone.now())
    for group_id in group_ids:
        start(apply_group, group_id)


@receiver(status_retried)
def apply_again(sender: Any, *, status: ItemStatus, **_: Any) -> None:
    start(apply_policies, status.enrollment_id)
