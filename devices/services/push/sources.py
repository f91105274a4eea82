"""What can be pushed to: the models with push columns, and how their rows are asked for.

Keys go from one statement to the next through here. In one statement PostgreSQL may look through
one table again for each row of the other, wherever it takes both for empty (docs/adr/0193).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import (
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    IntegerField,
    QuerySet,
    Value,
)
from django.db.models.functions import Cast, Coalesce

from devices.models import Enrollment, EnrollmentState, UserChannel
from devices.selectors import find_due_commands
from devices.services.locks import select_free

Rows = QuerySet[Any]
# Keys in one statement: they are part of its text.
PORTION = 1000

# Longer than the silence of any device with fewer attempts.
ATTEMPT = timedelta(days=1000)
# SQLite multiplies durations by plain integers only.
ATTEMPTS = ExpressionWrapper(
    Cast("push_attempts", IntegerField()) * Value(ATTEMPT), DurationField()
)
TURN = ExpressionWrapper(Coalesce("last_seen_at", "created_at") - ATTEMPTS, DateTimeField())


def request_columns(now: datetime) -> dict[str, Any]:
    """Return what an UPDATE sets to ask for a push, whose turn is decided by that.

    The fewer pushes a device has left unanswered, and then the later it was heard of, the sooner:
    its token is the least likely to be dead.
    """
    return {"push_requested_at": now, "push_turn": TURN}


def split_keys(keys: Iterable[int]) -> Iterator[list[int]]:
    """Yield the keys in portions that a statement can name."""
    all_keys = list(keys)
    for first in range(0, len(all_keys), PORTION):
        yield all_keys[first : first + PORTION]


@dataclass(frozen=True)
class PushSource:
    """`list_open`: rows whose device still listens, with `push_topic`.

    `list_due`: the keys of those whose commands should be pushed for, with repetitions.
    """

    list_open: Callable[[], Rows]
    list_due: Callable[[datetime], Rows]

    def list_reachable(self) -> Rows:
        """Rows that have a token that APNs has not called dead."""
        return self.list_open().filter(push_suspended_at=None, push_token__isnull=False)

    def list_rows(self) -> Rows:
        """Every row, for updates of what was read before."""
        return self.list_open().model._default_manager.all()

    def update_free(self, rows: Rows, **columns: Any) -> int:
        """Update those of `rows` that nobody holds, however many they are; return how many."""
        with transaction.atomic():
            free = split_keys(select_free(rows).values_list("pk", flat=True))
            return sum(self.list_rows().filter(pk__in=keys).update(**columns) for keys in free)


ENROLLMENTS = PushSource(
    list_open=lambda: Enrollment.objects.filter(state=EnrollmentState.LIVE).annotate(
        push_topic=F("topic")
    ),
    list_due=lambda now: (
        find_due_commands(now).filter(user_channel=None).values_list("enrollment", flat=True)
    ),
)
USER_CHANNELS = PushSource(
    list_open=lambda: UserChannel.objects.filter(
        enrollment__state=EnrollmentState.LIVE, ended_at=None
    ).annotate(push_topic=F("enrollment__topic")),
    list_due=lambda now: (
        find_due_commands(now)
        .filter(user_channel__isnull=False)
        .values_list("user_channel", flat=True)
    ),
)
SOURCES = (ENROLLMENTS, USER_CHANNELS)
