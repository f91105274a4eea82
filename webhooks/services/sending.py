"""Deliveries are sent: each webhook's in order, by one task at a time, in portions.

A message may arrive twice, with the same id, where a worker dies between the answer and its note.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from organization.protocol.public_id import build_public_id
from scep.errors import ServerUnreachable
from scep.services.outbound import fetch
from webhooks.models import IS_WAITING, Delivery, DeliveryState, Webhook, WebhookState
from webhooks.protocol.attempts import MOST_ATTEMPTS, Outcome, get_pause
from webhooks.protocol.event_types import TEST
from webhooks.protocol.messages import build_headers
from webhooks.selectors import select_due, select_held, select_ready
from webhooks.services.interest import Interest

PORTION, PORTION_SECONDS = 20, 5.0
"""Of one task, which takes this long at most and the time of one more message."""
LEASE = timedelta(minutes=1)
"""Much longer than a portion: whoever claimed a webhook so long ago is gone."""
MOST_REFUSED = 10
"""One after the other: then it is not the messages, but the receiver."""
GONE_REASON = "The receiver wants no messages any more (410 Gone)."


@dataclass(frozen=True)
class Turn:
    """The next portion's: `claim` lets it begin, `rest` is in seconds."""

    claim: str
    rest: float = 0.0


def send_portion(webhook_id: int, *, claim: str = "") -> Turn | None:
    """Send some of what waits for the webhook; return whose turn is next, None where nobody's.

    `claim`: of the portion before. Without one it begins only if no other task is at it.
    A receiver that answers slowly gets rests as long as its portions: half a worker at most.
    """
    claim = _claim(webhook_id, claim=claim)
    if not claim:
        return None
    began = time.monotonic()
    for _ in range(PORTION):
        webhook = Webhook.objects.filter(
            pk=webhook_id, claim=claim, state=WebhookState.ACTIVE
        ).first()
        if webhook is None:
            return None
        delivery = select_due(webhook_id, now=timezone.now()).first()
        if delivery is None or not _send(webhook, delivery):
            return _end(webhook_id, claim=claim)
        elapsed = time.monotonic() - began
        if elapsed >= PORTION_SECONDS:
            return _go_on(webhook_id, claim=claim, rest=elapsed)
    return _go_on(webhook_id, claim=claim, rest=0.0)


def _claim(webhook_id: int, *, claim: str = "") -> str:
    """Return the new claim, "" where another has one or nothing may be sent now."""
    now, fresh = timezone.now(), build_public_id("clm")
    may = Q(claimed_until=None) | Q(claimed_until__lte=now)
    if claim:
        may |= Q(claim=claim)
    rows = select_ready(now=now).filter(may, pk=webhook_id)
    return fresh if rows.update(claim=fresh, claimed_until=now + LEASE) else ""


def _go_on(webhook_id: int, *, claim: str, rest: float) -> Turn | None:
    until = timezone.now() + timedelta(seconds=rest) + LEASE
    rows = Webhook.objects.filter(pk=webhook_id, claim=claim)
    return Turn(claim, rest) if rows.update(claimed_until=until) else None


def _end(webhook_id: int, *, claim: str) -> Turn | None:
    """Give the webhook free, then look again: whoever saw it claimed has started no task."""
    rows = Webhook.objects.filter(pk=webhook_id, claim=claim)
    rows.update(claim="", claimed_until=None)
    now = timezone.now()
    is_ready = select_ready(now=now).filter(pk=webhook_id).exists()
    if not is_ready or not select_due(webhook_id, now=now).exists():
        return None
    fresh = _claim(webhook_id)
    return Turn(fresh) if fresh else None


def _send(webhook: Webhook, delivery: Delivery) -> bool:
    """Send one message and note what came of it; return whether the next may follow."""
    outcome = _call(webhook, delivery)
    return _note(webhook, delivery, outcome=outcome, now=timezone.now())


def _call(webhook: Webhook, delivery: Delivery) -> Outcome:
    now, body = timezone.now(), delivery.body.encode()
    headers = build_headers(
        delivery.event_id,
        timestamp=int(now.timestamp()),
        body=body,
        secrets=_list_secrets(webhook, now=now),
    )
    try:
        answer = fetch(webhook.url, method="POST", body=body, headers=headers)
    except ServerUnreachable as error:
        return Outcome(error=str(error))
    return Outcome(answer.status)


def _list_secrets(webhook: Webhook, *, now: datetime) -> list[str]:
    secrets = [bytes(webhook.secret or b"").decode()]
    until = webhook.earlier_secret_until
    if webhook.earlier_secret and until is not None and now < until:
        secrets.append(bytes(webhook.earlier_secret).decode())
    return secrets


@transaction.atomic
def _note(webhook: Webhook, delivery: Delivery, *, outcome: Outcome, now: datetime) -> bool:
    attempts = delivery.attempts + 1
    facts = {
        "attempts": attempts,
        "attempted_at": now,
        "last_status": outcome.status,
        "last_error": outcome.describe()[:300],
    }
    if outcome.is_delivered:
        _write(delivery, **facts, state=DeliveryState.DELIVERED, finished_at=now)
        if webhook.failures:
            Webhook.objects.filter(pk=webhook.pk).update(
                failures=0, failing_since=None, next_attempt_at=None
            )
            select_held(webhook.pk).update(due_at=now)
        return True
    due_at = _find_next_attempt(webhook, delivery, attempts=attempts, now=now)
    is_last = attempts >= MOST_ATTEMPTS or delivery.event_type == TEST
    if is_last:
        _write(delivery, **facts, state=DeliveryState.GIVEN_UP, finished_at=now)
    else:
        _write(delivery, **facts, due_at=due_at)
    return _note_failure(webhook, outcome=outcome, due_at=due_at, now=now)


def _find_next_attempt(
    webhook: Webhook, delivery: Delivery, *, attempts: int, now: datetime
) -> datetime:
    """Return when; a failed test changes nothing: others would overtake what is held."""
    held = select_held(webhook.pk).first() if delivery.event_type == TEST else None
    return held.due_at if held and held.due_at > now else now + get_pause(attempts)


def _write(delivery: Delivery, **facts: object) -> None:
    """Only while it waits: somebody may have asked for it again, or given it up."""
    Delivery.objects.filter(IS_WAITING, pk=delivery.pk).update(**facts)


def _note_failure(webhook: Webhook, *, outcome: Outcome, due_at: datetime, now: datetime) -> bool:
    """Note it on the webhook; return whether its next message may follow."""
    rows = Webhook.objects.filter(pk=webhook.pk)
    rows.update(failures=F("failures") + 1, failing_since=Coalesce("failing_since", now))
    if outcome.is_gone:
        rows.filter(state=WebhookState.ACTIVE).update(
            state=WebhookState.PAUSED, pause_reason=GONE_REASON, updated_at=now
        )
        Interest.forget()
        return False
    if outcome.is_down or webhook.failures + 1 >= MOST_REFUSED:
        rows.update(next_attempt_at=due_at)
        return False
    # It is up again: what waited for that goes before what came behind it.
    select_held(webhook.pk).update(due_at=now)
    return True
