"""Taking requested pushes in hand: each by one worker, in their turn.

Requested, in hand and done are columns of the row, so whatever a worker leaves behind is found.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from devices.protocol.apns import PushRequest
from devices.protocol.waits import build_wait
from devices.services.apns.suspects import AT_THIS_PUSH
from devices.services.push.sources import PushSource, Rows, request_columns
from organization.errors import SecretUnreadable

log = logging.getLogger(__name__)

# A worker that has a push in hand longer than this is dead; a push takes half a minute at most.
LEASE = timedelta(minutes=2)
# How long APNs keeps a push for a device that is switched off.
KEPT = timedelta(days=7)
FIRST_WAIT = timedelta(minutes=1)
MOST_ATTEMPTS = 100
# A device that has not come since its last push is not pushed again within this, and not within
# the longer one after MANY such pushes: APNs keeps only the last, and calls more too many.
SPACING, LONG_SPACING, MANY = timedelta(seconds=1), timedelta(minutes=1), 5
# No key opens the token: somebody has to give this server another one.
UNREADABLE_WAIT = timedelta(hours=1)
# A time that lies further ahead was written by a clock that has been set back since.
SKEW = timedelta(minutes=10)
COLUMNS = (
    *("push_token", "push_magic", "push_attempts", "push_error"),
    *("token_update_count", "token_updated_at", "last_seen_at"),
)


@dataclass(frozen=True, eq=False)
class Claim:
    """A push in a worker's hand, and the row's columns as they were when it was taken."""

    source: PushSource
    pk: int
    topic: str
    token: bytes = field(repr=False)
    magic: str = field(repr=False)
    attempts: int
    error: str
    token_update_count: int
    token_updated_at: datetime | None
    last_seen_at: datetime | None
    claimed_at: datetime

    @property
    def is_apart(self) -> bool:
        """Whether others' pushes would be lost with it."""
        return AT_THIS_PUSH in self.error

    def build_request(self) -> PushRequest:
        expires_at = int((self.claimed_at + KEPT).timestamp())
        return PushRequest(self.topic, self.token, self.magic, expires_at)


def claim_pushes(source: PushSource, *, topic: str, limit: int, now: datetime) -> list[Claim]:
    """Take up to `limit` requested pushes; what another worker is taking is left to it.

    Each is counted as an attempt at once: the device may come before APNs' answer is written,
    and its coming sets the count back.
    """
    with transaction.atomic():
        rows = find_requested(source, now=now).filter(push_topic=topic)
        rows = rows.order_by("-push_turn").only(*COLUMNS)
        # SQLite knows no row locks; its transactions begin with the lock of the database.
        taken = list(rows.select_for_update(skip_locked=True, of=("self",))[:limit])
        for attempts, pks in _group_by_attempts(taken).items():
            begun = {} if attempts else {"push_unanswered_since": now, "push_accepted": 0}
            source.list_rows().filter(pk__in=pks).update(
                **begun,
                push_requested_at=None,
                push_claimed_at=now,
                push_sent_at=now,
                push_attempts=min(attempts + 1, MOST_ATTEMPTS),
                push_not_before=now + build_wait(FIRST_WAIT, attempts=attempts),
            )
    return [claim for row in taken if (claim := _find_claim(row, source=source, now=now))]


def find_requested(source: PushSource, *, now: datetime) -> Rows:
    """Rows whose push was asked for, in no worker's hand, and neither resting nor just pushed."""
    is_free = (
        Q(push_claimed_at=None)
        | Q(push_claimed_at__lte=now - LEASE)
        | Q(push_claimed_at__lt=F("token_updated_at"))  # what is in hand went to an older token
        | Q(push_claimed_at__gt=now + SKEW)
    )
    spaced = Q(push_sent_at__lte=now - SPACING, push_attempts__lt=MANY)
    spaced |= Q(push_sent_at__lte=now - LONG_SPACING) | Q(push_attempts=0)
    spaced |= Q(push_sent_at__gt=now + SKEW)
    may_try = is_rested(now) | Q(spaced, push_error="")
    return source.list_reachable().filter(is_free, may_try, push_requested_at__isnull=False)


def is_rested(now: datetime) -> Q:
    """Return the condition that a row's waiting time is over, or was set by a wrong clock."""
    is_over = Q(push_not_before=None) | Q(push_not_before__lte=now)
    return is_over | Q(push_sent_at__gt=now + SKEW)


def reclaim_lost(source: PushSource, *, now: datetime) -> int:
    """Ask again for pushes whose worker was killed; return how many."""
    is_lost = Q(push_claimed_at__lte=now - LEASE) | Q(push_claimed_at__gt=now + SKEW)
    lost = source.list_reachable().filter(is_lost)
    return source.update_free(
        lost, **request_columns(now), push_claimed_at=None, push_not_before=None
    )


def _group_by_attempts(rows: Iterable[Any]) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        groups[row.push_attempts].append(row.pk)
    return groups


def _find_claim(row: Any, *, source: PushSource, now: datetime) -> Claim | None:
    """Return the push, or None where no key opens its token: tried again later, or made anew by
    the device's next TokenUpdate.
    """
    try:
        return _build_claim(row, source=source, now=now)
    except SecretUnreadable as error:
        log.error("the push token of %s: %s", row, error)
        source.list_rows().filter(pk=row.pk, push_claimed_at=now).update(
            **request_columns(now),
            push_claimed_at=None,
            push_error="the push token cannot be read",
            push_not_before=now + UNREADABLE_WAIT,
        )
        return None


def _build_claim(row: Any, *, source: PushSource, now: datetime) -> Claim:
    return Claim(
        source=source,
        pk=row.pk,
        topic=row.push_topic,
        token=bytes(row.push_token or b""),
        magic=bytes(row.push_magic or b"").decode(),
        attempts=row.push_attempts,
        error=row.push_error,
        token_update_count=row.token_update_count,
        token_updated_at=row.token_updated_at,
        last_seen_at=row.last_seen_at,
        claimed_at=now,
    )
