"""Enrollments that need a look: what lost tasks and killed workers have left behind.

Everything is asked of the database in sets, one group and platform at a time, because
devices that are as they should be must cost nothing.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from devices.models import Command, DeviceStatus, Enrollment, EnrollmentState
from devices.selectors import OPEN_STATES
from policies.models import ItemKind, ItemState, ItemStatus
from policies.selectors.desired import list_desired_items

WAITS = ~Q(item_statuses__command_uuid="") | Q(item_statuses__due_at__isnull=False)
COMPARABLE = (ItemState.INSTALLING, ItemState.INSTALLED, ItemState.REMOVING)


def list_group_enrollments(group_id: int) -> list[int]:
    """Return the keys of a group's live enrollments."""
    return list(_live().filter(device__group=group_id).order_by("id").values_list("pk", flat=True))


def find_stale_enrollments(now: datetime) -> set[int]:
    """Return the keys of live enrollments for which apply_policies has something to do."""
    stale: set[int] = set()
    for statuses in (_find_answered(), _find_due(now), _find_reported()):
        stale.update(statuses.values_list("enrollment_id", flat=True))
    members = _live().order_by().values_list("device__group_id", "device__platform").distinct()
    for group_id, platform in members:
        desired = list_desired_items(group_id, platform=platform)
        keys = [item.pk for item in desired.values()]
        enrollments = _live().filter(device__group=group_id, device__platform=platform)
        stale.update(_find_incomplete(enrollments, items=keys))
    return stale


def _live() -> QuerySet[Enrollment]:
    return Enrollment.objects.filter(state=EnrollmentState.LIVE)


def _live_statuses() -> QuerySet[ItemStatus]:
    return ItemStatus.objects.filter(enrollment__state=EnrollmentState.LIVE)


def _find_answered() -> QuerySet[ItemStatus]:
    """Items that wait for a command that is over, or was never there."""
    is_open = Command.objects.filter(uuid=OuterRef("command_uuid"), state__in=OPEN_STATES)
    return _live_statuses().exclude(command_uuid="").exclude(Exists(is_open))


def _find_due(now: datetime) -> QuerySet[ItemStatus]:
    return _live_statuses().filter(due_at__lte=now)


def _find_reported() -> QuerySet[ItemStatus]:
    """Items that a newer report of the device speaks of."""
    profiles, apps = "enrollment__profiles_reported_at", "enrollment__applications_reported_at"
    reported = Q()
    for kind, moment in ((ItemKind.PROFILE, profiles), (ItemKind.APP, apps)):
        is_new = Q(compared_at__isnull=True) | Q(compared_at__lt=F(moment))
        reported |= Q(kind=kind, settled_at__lt=F(moment)) & is_new
    return _live_statuses().filter(reported, command_uuid="", state__in=COMPARABLE)


def _find_incomplete(enrollments: QuerySet[Enrollment], *, items: Collection[int]) -> Iterable[int]:
    """Yield those that lack an item, have one too many, or whose device's status is behind."""
    extra = ItemStatus.objects.filter(enrollment__in=enrollments).exclude(item__in=items)
    yield from extra.exclude(state=ItemState.REMOVING).values_list("enrollment_id", flat=True)
    if not items:
        behind = enrollments.filter(device__status=DeviceStatus.ENROLLED)
        yield from behind.values_list("pk", flat=True)
        return
    current = Q(
        item_statuses__item__in=items,
        item_statuses__version=F("item_statuses__item__version"),
    )
    is_installed = Q(item_statuses__state=ItemState.INSTALLED)
    is_known = ~Q(item_statuses__state__in=(ItemState.PENDING, ItemState.REMOVING)) | (
        Q(item_statuses__state=ItemState.PENDING) & WAITS
    )
    counted = enrollments.annotate(
        known=Count("item_statuses", filter=current & is_known),
        installed=Count("item_statuses", filter=current & is_installed),
    )
    is_behind = Q(installed=len(items), device__status=DeviceStatus.ENROLLED)
    yield from counted.filter(Q(known__lt=len(items)) | is_behind).values_list("pk", flat=True)
