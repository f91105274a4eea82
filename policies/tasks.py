"""What workers do for policies; every task may run twice, late, or not at all."""

import logging
from collections.abc import Iterable

from celery import shared_task
from django.utils import timezone

from devices.models import Enrollment
from policies.selectors import find_stale_enrollments, list_group_enrollments
from policies.services import apply, packages

CHUNK = 100

log = logging.getLogger(__name__)


@shared_task  # type: ignore[untyped-decorator]
def apply_policies(enrollment_id: int) -> None:
    """Bring one enrollment closer to its policies; one that is gone or over is left alone."""
    enrollment = Enrollment.objects.filter(pk=enrollment_id).first()
    if enrollment is not None:
        apply.apply_policies(enrollment, now=timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def apply_group(group_id: int) -> None:
    """Hand the group's live enrollments out to the workers, in chunks."""
    _hand_out(list_group_enrollments(group_id))


@shared_task  # type: ignore[untyped-decorator]
def sweep_policies() -> None:
    """Find what lost tasks left behind, and hand it out."""
    _hand_out(sorted(find_stale_enrollments(timezone.now())))


@shared_task  # type: ignore[untyped-decorator]
def apply_chunk(enrollment_ids: list[int]) -> None:
    """One device that cannot be served holds up none of the others."""
    for enrollment_id in enrollment_ids:
        try:
            apply_policies(enrollment_id)
        except Exception:
            log.exception("policies could not be applied to enrollment %s", enrollment_id)


@shared_task  # type: ignore[untyped-decorator]
def sweep_packages() -> None:
    """Delete the files of uploads that broke off, and of packages that are gone."""
    packages.sweep_packages()


def _hand_out(enrollment_ids: Iterable[int]) -> None:
    waiting = list(enrollment_ids)
    for start in range(0, len(waiting), CHUNK):
        apply_chunk.delay(waiting[start : start + CHUNK])
