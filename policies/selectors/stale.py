"""Which enrollments need a look: what lost tasks and killed workers have left behind.

Everything is asked of the database in sets, because devices that are as they should be must cost
next to nothing; of one table at a time, because a table that PostgreSQL takes for empty is read
whole for each row that it is joined to (docs/adr/0205).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import reduce
from operator import or_
from typing import NamedTuple, TypeVar

from django.db.models import Count, Min, Q
from django.db.models.functions import Coalesce, Greatest

from devices.models import Command, Device, DeviceStatus, Enrollment, EnrollmentState
from devices.models.command import IS_OPEN
from policies.models import ItemKind, ItemState, ItemStatus, PolicyItem
from policies.selectors.desired import list_desired_items

Row = TypeVar("Row")
PORTION = 1000
"""Enrollments that one statement names."""
WAITS = ~Q(command_uuid="") | Q(due_at__isnull=False)
IS_KNOWN = ~Q(state__in=(ItemState.PENDING, ItemState.REMOVING)) | (
    Q(state=ItemState.PENDING) & WAITS
)
COMPARABLE = (ItemState.INSTALLING, ItemState.INSTALLED, ItemState.REMOVING)
IS_COMPARABLE = Q(command_uuid="", state__in=COMPARABLE, settled_at__isnull=False)
LOOKED_AT = Greatest("settled_at", Coalesce("compared_at", "settled_at"))
"""A report from later says something new of the item."""


class Member(NamedTuple):
    """A live enrollment, how its device is called now, and when it last reported what."""

    pk: int
    status: str
    profiles_reported_at: datetime | None
    applications_reported_at: datetime | None


class Progress(NamedTuple):
    """What an enrollment's items say, in numbers; `wrong` ones are due, or nobody wants them.

    `profiles_looked_at`, `apps_looked_at`: of the item that was not compared with a report longest.
    """

    known: int = 0
    installed: int = 0
    wrong: int = 0
    profiles_looked_at: datetime | None = None
    apps_looked_at: datetime | None = None


def find_stale_enrollments(among: Collection[int], *, now: datetime) -> set[int]:
    """Return the keys of those live enrollments for which apply_policies has something to do."""
    answered: set[int] = set()
    members: dict[tuple[int | None, str], list[Member]] = defaultdict(list)
    for portion in _cut(sorted(among)):
        answered |= _find_answered(portion)
        _add_members(members, portion)
    stale: set[int] = set()
    for (group_id, platform), all_members in members.items():
        items = list_desired_items(group_id, platform=platform).values()
        for some in _cut(all_members):
            progress = _read_progress(some, items=items, now=now)
            stale.update(
                each.pk
                for each in some
                if each.pk in answered
                or _is_stale(each, progress.get(each.pk, Progress()), wanted=len(items))
            )
    return stale


def _cut(rows: list[Row]) -> Iterator[list[Row]]:
    return (rows[start : start + PORTION] for start in range(0, len(rows), PORTION))


def _add_members(members: dict[tuple[int | None, str], list[Member]], keys: list[int]) -> None:
    """Add those of these enrollments that are live, by group and platform."""
    columns = ("device_id", "pk", "profiles_reported_at", "applications_reported_at")
    live = Enrollment.objects.filter(pk__in=keys, state=EnrollmentState.LIVE).order_by()
    enrollments = {device_id: facts for device_id, *facts in live.values_list(*columns)}
    devices = Device.objects.filter(pk__in=list(enrollments)).order_by()
    for device_id, group_id, platform, status in devices.values_list(
        "pk", "group_id", "platform", "status"
    ):
        if status != DeviceStatus.UNENROLLED:
            key, *reported = enrollments[device_id]
            members[group_id, platform].append(Member(key, status, *reported))


def _find_answered(keys: list[int]) -> set[int]:
    """Return those with an item that waits for a command that is over, or is not there.

    Ended enrollments among them.
    """
    awaited = ItemStatus.objects.filter(enrollment__in=keys).exclude(command_uuid="").order_by()
    commands = Command.objects.filter(IS_OPEN, enrollment__in=keys).order_by()
    lost = awaited.values_list("enrollment_id", "command_uuid").difference(
        commands.values_list("enrollment_id", "uuid")
    )
    return {enrollment_id for enrollment_id, _ in lost}


def _read_progress(
    members: Collection[Member], *, items: Collection[PolicyItem], now: datetime
) -> dict[int, Progress]:
    """Return the progress of those that have items at all."""
    current = reduce(or_, (Q(item=item.pk, version=item.version) for item in items), Q(pk__in=()))
    is_unwanted = ~Q(item__in=[item.pk for item in items]) & ~Q(state=ItemState.REMOVING)
    counted = (
        ItemStatus.objects.filter(enrollment__in=[each.pk for each in members])
        .order_by()
        .values("enrollment_id")
        .annotate(
            known=Count("pk", filter=current & IS_KNOWN),
            installed=Count("pk", filter=current & Q(state=ItemState.INSTALLED)),
            wrong=Count("pk", filter=is_unwanted | Q(due_at__lte=now)),
            profiles=Min(LOOKED_AT, filter=IS_COMPARABLE & Q(kind=ItemKind.PROFILE)),
            apps=Min(LOOKED_AT, filter=IS_COMPARABLE & Q(kind=ItemKind.APP)),
        )
    )
    columns = ("enrollment_id", "known", "installed", "wrong", "profiles", "apps")
    return {key: Progress(*numbers) for key, *numbers in counted.values_list(*columns)}


def _is_stale(member: Member, progress: Progress, *, wanted: int) -> bool:
    """Whether it lacks an item, has one that is wrong, or its report or status is not looked at."""
    is_behind = progress.installed == wanted and member.status == DeviceStatus.ENROLLED
    return (
        progress.known < wanted
        or progress.wrong > 0
        or is_behind
        or _is_news(member.profiles_reported_at, looked_at=progress.profiles_looked_at)
        or _is_news(member.applications_reported_at, looked_at=progress.apps_looked_at)
    )


def _is_news(reported_at: datetime | None, *, looked_at: datetime | None) -> bool:
    return reported_at is not None and looked_at is not None and looked_at < reported_at
