"""Desired minus reported: what brings one device closer to its group's policies.

Level-triggered: everything is worked out from the rows, under a lock on the enrollment's
row, in one transaction. So it may run at any moment, twice, or late, with the same result.
"""

import logging
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from devices.models import DeviceStatus, Enrollment, EnrollmentState
from devices.services.locks import lock_enrollment
from devices.services.push.announcement import gather_announcements
from organization.models import Given, PreparedSelect
from policies.models import ItemKind, ItemState, ItemStatus, PolicyItem
from policies.selectors import ItemKey, compute_progress, list_desired_items
from policies.services.installs import (
    ask_for_list,
    ask_for_packages,
    is_free,
    queue_install,
)
from policies.services.leftovers import take_over_leftovers
from policies.services.package_states import get_bundles
from policies.services.progress import settle_answers, update_device_status
from policies.services.removals import remove_surplus
from policies.services.reports import settle_reports
from policies.services.shared_apps import hand_over_shared_apps
from policies.signals import policies_applied

log = logging.getLogger(__name__)

FIRST_QUESTION, LAST_QUESTION = timedelta(seconds=30), timedelta(hours=1)


STATUSES = PreparedSelect(lambda: ItemStatus.objects.filter(enrollment=Given("enrollment")))
# How often the rows are read anew because an item was deleted in the meantime.
TRIES = 4


def apply_to_each(enrollment_ids: Iterable[int], *, now: datetime) -> None:
    """One device that cannot be served holds up none of the others; those that are gone neither."""
    with gather_announcements():
        for enrollment in Enrollment.objects.filter(pk__in=enrollment_ids).order_by("pk"):
            try:
                apply_policies(enrollment, now=now)
            except Exception:
                log.exception("policies could not be applied to enrollment %s", enrollment.pk)


def apply_policies(enrollment: Enrollment, *, now: datetime) -> int:
    """Settle what the device said, queue what is missing or too much, set the device's status.

    Returns how many installations and removals were queued; 0 for one that is not live or going.
    """
    for _ in range(TRIES - 1):
        with suppress(IntegrityError):
            return _apply(enrollment, now=now)
    return _apply(enrollment, now=now)


@transaction.atomic
def _apply(enrollment: Enrollment, *, now: datetime) -> int:
    locked = _lock_live(enrollment)
    if locked is None:
        return 0
    desired = list_desired_items(locked.device.group_id, platform=locked.device.platform)
    statuses = STATUSES.all(enrollment=locked.pk)
    settle_answers(statuses, now=now)
    settle_reports(locked, statuses=statuses, desired=desired, now=now)
    by_key = {(status.kind, status.identifier): status for status in statuses if status.pk}
    for left in take_over_leftovers(locked, known=[*by_key, *desired], now=now):
        by_key[left.kind, left.identifier] = left
    waiting = hand_over_shared_apps(desired, statuses=by_key)
    coming = {key: item for key, item in desired.items() if key not in waiting}
    queued = _install_missing(locked, desired=coming, statuses=by_key, now=now)
    queued += remove_surplus(locked, desired=desired, statuses=by_key, now=now)
    _ask_after_apps(locked, statuses=by_key, now=now)
    progress = compute_progress(desired, statuses=[s for s in by_key.values() if s.pk])
    update_device_status(locked, progress=progress)
    if queued:
        policies_applied.send(Enrollment, enrollment=locked, queued=queued)
    return queued


def _lock_live(enrollment: Enrollment) -> Enrollment | None:
    """One worker at a time for each enrollment; others add commands meanwhile.

    None for one that is over, and for a device that waits for its farewell or has left.
    """
    locked = lock_enrollment(enrollment)
    stays = locked.device.status != DeviceStatus.UNENROLLED
    return locked if stays and locked.state == EnrollmentState.LIVE else None


def _install_missing(
    enrollment: Enrollment,
    *,
    desired: dict[ItemKey, PolicyItem],
    statuses: dict[ItemKey, ItemStatus],
    now: datetime,
) -> int:
    queued = 0
    for key, item in desired.items():
        status = statuses.setdefault(
            key, ItemStatus(enrollment=enrollment, kind=item.kind, identifier=item.identifier)
        )
        if _is_outdated(status, item=item) and is_free(status):
            status.attempts = 0
            queue_install(status, item=item, enrollment=enrollment)
            queued += 1
        elif _is_due(status, now=now):
            queue_install(status, item=item, enrollment=enrollment)
            queued += 1
        elif status.item_id != item.pk:
            status.item = item
            status.save(update_fields=["item", "updated_at"])
    return queued


def _is_outdated(status: ItemStatus, *, item: PolicyItem) -> bool:
    return status.state == ItemState.REMOVING or status.version != item.version


def _is_due(status: ItemStatus, *, now: datetime) -> bool:
    """Whether an item that is neither installed nor on its way has waited long enough."""
    if status.is_awaited or status.state not in (ItemState.PENDING, ItemState.FAILED):
        return False
    if status.due_at is None:
        return status.state == ItemState.PENDING
    return status.due_at <= now


def _ask_after_apps(
    enrollment: Enrollment, *, statuses: dict[ItemKey, ItemStatus], now: datetime
) -> None:
    """Ask how far accepted apps are, at first soon, then ever more rarely."""
    installing = [s for s in statuses.values() if s.pk and s.state == ItemState.INSTALLING]
    packages = {status.pk: bundles for status in installing if (bundles := get_bundles(status))}
    for status in installing:
        if status.due_at is not None and status.due_at > now:
            continue
        if status.pk in packages:
            wanted = {each for bundles in packages.values() for each in bundles}
            ask_for_packages(wanted, enrollment=enrollment)
        else:
            since = status.settled_at if status.due_at is None else None
            ask_for_list(ItemKind.APP, enrollment=enrollment, since=since)
        waited = now - (status.settled_at or now)
        status.due_at = now + min(max(waited, FIRST_QUESTION), LAST_QUESTION)
        status.save(update_fields=["due_at", "updated_at"])
