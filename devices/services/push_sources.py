"""What can be pushed to: the models with push columns, and how their rows are asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from devices.models import Enrollment, EnrollmentState, UserChannel
from devices.selectors import find_due_commands
from devices.services.locks import select_free

Rows = QuerySet[Any]


@dataclass(frozen=True)
class PushSource:
    """`list_open`: rows whose device still listens, with `push_topic`; `is_due`: has commands."""

    list_open: Callable[[], Rows]
    is_due: Callable[[datetime], Q]

    def list_reachable(self) -> Rows:
        """Rows that have a token that APNs has not called dead."""
        return self.list_open().filter(push_suspended_at=None, push_token__isnull=False)

    def list_rows(self) -> Rows:
        """Every row, for updates of what was read before."""
        return self.list_open().model._default_manager.all()

    def update_free(self, rows: Rows, **columns: Any) -> int:
        """Update those of `rows` that nobody holds, however many they are; return how many."""
        with transaction.atomic():
            return self.list_rows().filter(pk__in=select_free(rows)).update(**columns)


ENROLLMENTS = PushSource(
    list_open=lambda: Enrollment.objects.filter(state=EnrollmentState.LIVE).annotate(
        push_topic=F("topic")
    ),
    is_due=lambda now: Q(
        Exists(find_due_commands(now).filter(enrollment=OuterRef("pk"), user_channel=None))
    ),
)
USER_CHANNELS = PushSource(
    list_open=lambda: UserChannel.objects.filter(
        enrollment__state=EnrollmentState.LIVE, ended_at=None
    ).annotate(push_topic=F("enrollment__topic")),
    is_due=lambda now: Q(Exists(find_due_commands(now).filter(user_channel=OuterRef("pk")))),
)
SOURCES = (ENROLLMENTS, USER_CHANNELS)
