"""What workers do for policies; every task may run twice, late, or not at all."""

import random

from celery import shared_task
from django.utils import timezone

from devices.models import Enrollment
from policies.services import apply, packages
from policies.services.rollouts import PORTION, claim_stalled_rollouts, roll_out
from policies.services.sweep import find_some_stale

MOST_SWEPT = 500
"""Enrollments that a sweep hands out: others' tasks wait for two seconds. The next one goes on."""


@shared_task  # type: ignore[untyped-decorator]
def apply_policies(enrollment_id: int) -> None:
    """Bring one enrollment closer to its policies; one that is gone or over is left alone."""
    enrollment = Enrollment.objects.filter(pk=enrollment_id).first()
    if enrollment is not None:
        apply.apply_policies(enrollment, now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def apply_group(group_id: int) -> None:
    """Go on with a group's rollout, and leave the others to another task."""
    if roll_out(group_id, now=timezone.now()):
        apply_group.delay(group_id)


@shared_task  # type: ignore[untyped-decorator]
def sweep_policies() -> None:
    """Find what lost tasks left behind, and hand it out.

    Where that is very much, any of them: no device that cannot be served keeps others waiting.
    """
    now = timezone.now()
    for group_id in claim_stalled_rollouts(now=now):
        apply_group.delay(group_id)
    stale = sorted(find_some_stale(now=now))
    chosen = random.sample(stale, min(len(stale), MOST_SWEPT))
    for start in range(0, len(chosen), PORTION):
        apply_chunk.delay(chosen[start : start + PORTION])


@shared_task  # type: ignore[untyped-decorator]
def apply_chunk(enrollment_ids: list[int]) -> None:
    """Bring some enrollments closer to their policies."""
    apply.apply_to_each(enrollment_ids, now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def sweep_packages() -> None:
    """Delete the files of uploads that broke off, and of packages that are gone."""
    packages.sweep_packages()
