"""What APNs' answers mean for the rows: written many at a time."""

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, When
from django.db.models.functions import Least

from devices.models import Enrollment
from devices.protocol.apns import TOO_MANY, PushAnswer, Verdict
from devices.protocol.waits import build_wait
from devices.services.locks import select_free
from devices.services.push.alarms import CODES, PUSH_FAILED, is_first_alarm
from devices.services.push.claims import FIRST_WAIT, MOST_ATTEMPTS, Claim
from devices.services.push.sources import ENROLLMENTS, PushSource, Rows, request_columns
from devices.signals import push_failed

log = logging.getLogger(__name__)

MANY, SECONDS = 250, 0.1
# A device that leaves may still be speaking, and clocks differ.
LAST_WORDS = timedelta(minutes=10)
# A token that APNs cannot serve alone is not tried more often.
LONGEST_TROUBLE = timedelta(minutes=15)


@dataclass(frozen=True)
class _Kind:
    """What is alike for the rows of one UPDATE."""

    source: PushSource
    claimed_at: datetime
    verdict: Verdict
    error: str
    wait: timedelta
    token_update_count: int
    was_failing: bool
    is_outage: bool


class Outcomes:
    """Answers that wait to be written, for a short while; what is lost with them is pushed again.

    What concerns more than a device is told once for each reason, with the first device that has
    met it: the others have it in their row. APNs' own trouble is told once for all its reasons,
    whoever meets it first, until pushes go out again.
    """

    def __init__(self) -> None:
        self._waiting: dict[_Kind, list[Claim]] = defaultdict(list)
        self._count = 0
        self._written_at = time.monotonic()
        self._told: set[str] = set()
        self.has_dead = False
        self.delivered = 0

    def add(self, claim: Claim, answer: PushAnswer) -> None:
        self._waiting[_sort(claim, answer)].append(claim)
        self._count += 1
        self.delivered += answer.verdict == Verdict.DELIVERED

    @property
    def is_due(self) -> bool:
        waited = time.monotonic() - self._written_at
        return self._count >= MANY or (self._count > 0 and waited >= SECONDS)

    def write(self, *, now: datetime) -> None:
        """Write what can be written without waiting; rows that others hold stay for later."""
        waiting = self._take_all()
        with transaction.atomic():
            for kind, claims in waiting.items():
                rows = kind.source.list_rows().filter(pk__in=[claim.pk for claim in claims])
                free = set(select_free(rows).values_list("pk", flat=True))
                self._write_kind(kind, [claim for claim in claims if claim.pk in free], now=now)
                self._keep(kind, [claim for claim in claims if claim.pk not in free])
        self._written_at = time.monotonic()

    def finish(self, *, now: datetime) -> bool:
        """Write all that is left, however long others hold it: one row at a time; was there any?"""
        waiting = self._take_all()
        for kind, claims in waiting.items():
            for claim in claims:
                with transaction.atomic():
                    self._write_kind(kind, [claim], now=now)
        return bool(waiting)

    def _take_all(self) -> dict[_Kind, list[Claim]]:
        waiting, self._waiting, self._count = self._waiting, defaultdict(list), 0
        return waiting

    def _keep(self, kind: _Kind, claims: Sequence[Claim]) -> None:
        if claims:
            self._waiting[kind] += claims
            self._count += len(claims)

    def _write_kind(self, kind: _Kind, claims: Sequence[Claim], *, now: datetime) -> None:
        if not claims:
            return
        self._write_rows(kind, [claim.pk for claim in claims], now=now)
        self._tell(kind, claims)

    def _write_rows(self, kind: _Kind, pks: Sequence[int], *, now: datetime) -> None:
        # A row that was put into other hands meanwhile, after a long silence, is theirs.
        rows = kind.source.list_rows().filter(pk__in=pks, push_claimed_at=kind.claimed_at)
        if kind.verdict == Verdict.DELIVERED:
            rows.update(push_claimed_at=None, push_error="", **_count_accepted(kind))
        elif kind.verdict in (Verdict.DEVICE_GONE, Verdict.UNUSABLE):
            self._suspend(rows, kind, now=now)
        elif kind.verdict == Verdict.REFUSED:
            log.error("APNs refuses what this server sends: %s", kind.error)
            # Tried again all the same, ever less often: whatever was our fault is mended one day,
            # and a device that nobody wakes sends no TokenUpdate.
            rows.update(
                push_claimed_at=None, push_error=kind.error, push_not_before=now + kind.wait
            )
        else:
            rows.update(
                **request_columns(now),
                push_claimed_at=None,
                push_error=kind.error,
                push_not_before=now + kind.wait,
            )

    def _suspend(self, rows: Rows, kind: _Kind, *, now: datetime) -> None:
        """The token is dead, unless a TokenUpdate has brought another one meanwhile.

        What is in hand stays so until the news of it was told: see push.departures.
        """
        dead = rows.filter(token_update_count=kind.token_update_count)
        if dead.update(push_suspended_at=now, push_error=kind.error):
            self.has_dead = True
        rows.filter(push_suspended_at=None).update(
            **request_columns(now), push_claimed_at=None, push_not_before=None
        )

    def _tell(self, kind: _Kind, claims: Sequence[Claim]) -> None:
        if kind.verdict not in (Verdict.TRY_LATER, Verdict.REFUSED) or kind.error in self._told:
            return
        self._told.add(kind.error)
        first = next((claim for claim in claims if claim.error != kind.error), None)
        if first is None or first.source is not ENROLLMENTS:
            return
        if not kind.is_outage or is_first_alarm(first.topic, PUSH_FAILED):
            tell_failure(Enrollment.objects.select_related("device").get(pk=first.pk))


def _count_accepted(kind: _Kind) -> dict[str, Any]:
    """Return what an UPDATE sets for one more push that APNs took.

    The count goes on where failures lie between: what a device ignored before them it has ignored.
    It begins anew where the device has spoken meanwhile. The failures are attempts no more.
    """
    is_first = Q(push_accepted=0) | Q(push_unanswered_since__lt=F("last_seen_at"))
    count = Case(When(is_first, then=1), default=Least(F("push_accepted") + 1, MOST_ATTEMPTS))
    since = Case(When(is_first, then=kind.claimed_at), default=F("push_unanswered_since"))
    counted = {"push_accepted": count, "push_unanswered_since": since}
    if kind.was_failing:
        counted["push_attempts"] = Case(When(push_attempts=0, then=0), default=count)
    return counted


def tell_failure(enrollment: Enrollment) -> None:
    """Tell what stands in the row's push_error."""
    text = enrollment.push_error_text
    log.warning("push to %s: %s", enrollment.device.public_id, text)
    code = CODES.get(enrollment.push_error.partition(": ")[0], PUSH_FAILED)
    push_failed.send(Enrollment, enrollment=enrollment, code=code, message=text)


def _sort(claim: Claim, answer: PushAnswer) -> _Kind:
    is_outage = answer.verdict == Verdict.TRY_LATER and answer.status != TOO_MANY
    answer = _correct(claim, answer)
    is_dead = answer.verdict in (Verdict.DEVICE_GONE, Verdict.UNUSABLE)
    is_delivered = answer.verdict == Verdict.DELIVERED
    return _Kind(
        source=claim.source,
        claimed_at=claim.claimed_at,
        verdict=answer.verdict,
        error="" if is_delivered else _word_error(answer),
        wait=_find_wait(claim, answer),
        token_update_count=claim.token_update_count if is_dead else 0,
        was_failing=is_delivered and bool(claim.error),
        is_outage=is_outage,
    )


def _find_wait(claim: Claim, answer: PushAnswer) -> timedelta:
    """Return how long the device is left in peace.

    What is APNs' own trouble rests the connection; after hours of it nobody waits for hours more.
    """
    wait = build_wait(FIRST_WAIT, attempts=claim.attempts)
    match answer.verdict:
        case Verdict.TRY_LATER if answer.status != TOO_MANY:
            return max(min(wait, LONGEST_TROUBLE), timedelta(seconds=answer.retry_after))
        case Verdict.TRY_LATER | Verdict.REFUSED:
            return max(wait, timedelta(seconds=answer.retry_after))
    return timedelta(0)  # of a bad certificate too: it waits for another, not for itself


def _word_error(answer: PushAnswer) -> str:
    since = f" since {answer.gone_at:%-d %b %Y}" if answer.gone_at else ""
    return f"{answer.verdict.value}: {answer.reason}{since}"[:255]


def _correct(claim: Claim, answer: PushAnswer) -> PushAnswer:
    """APNs says since when a token is dead. The device has sent it again after that, or has at
    least spoken: then it has not left, only its token is of no use.
    """
    gone_at, updated_at, seen_at = answer.gone_at, claim.token_updated_at, claim.last_seen_at
    if gone_at is None:
        return answer
    if updated_at is not None and updated_at > gone_at:
        return PushAnswer(Verdict.TRY_LATER, f"{answer.reason} before the last TokenUpdate")
    if seen_at is not None and seen_at > gone_at + LAST_WORDS:
        return replace(answer, verdict=Verdict.UNUSABLE)
    return answer
