"""What a lost task left behind is found again, and what nobody needs any more is deleted."""

from datetime import datetime, timedelta
from itertools import pairwise

from django.db.models import Q, QuerySet

from webhooks.models import IS_WAITING, Delivery, DeliveryState, Webhook
from webhooks.selectors import select_due, select_ready

OLDEST = timedelta(days=3)
"""News that old is none; a receiver that was down so long has to ask for what it missed."""
MOST_WAITING, MOST_FINISHED = 20_000, 5_000
"""Of each webhook."""
BATCH = 5_000
"""A minute's, which is more than a webhook is sent in it."""
MOST_KEY = 2**63 - 1
TOO_OLD = "It could not be delivered for three days."
TOO_MANY = f"More than {MOST_WAITING:,} later ones waited."


def list_stalled(*, now: datetime) -> list[int]:
    """Return the keys of the webhooks that something is due for and that no task is at."""
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    keys = select_ready(now=now).filter(free).values_list("pk", flat=True)
    return [key for key in keys if select_due(key, now=now).exists()]


def give_up_waiting(*, now: datetime) -> int:
    """Give up what waits for too long, or is too much; return how many."""
    count = 0
    for key in Webhook.objects.values_list("pk", flat=True):
        waiting = Delivery.objects.filter(IS_WAITING, webhook_id=key)
        old = waiting.filter(waiting_since__lte=now - OLDEST)
        count += _give_up(old, reason=TOO_OLD, now=now)
        first = waiting.order_by("-id").values_list("pk", flat=True)[MOST_WAITING:][:1]
        for pk in first:
            count += _give_up(waiting.filter(pk__lte=pk), reason=TOO_MANY, now=now)
    return count


def delete_superfluous() -> int:
    """Delete what is more than MOST_FINISHED, and what belongs to no webhook; return how many."""
    keys = list(Webhook.objects.order_by("pk").values_list("pk", flat=True))
    count = 0
    # Between one key and the next: each a look into an index, where NOT IN would read all rows.
    for before, after in pairwise([0, *keys, MOST_KEY]):
        count += _delete(Delivery.objects.filter(webhook_id__gt=before, webhook_id__lt=after))
    for key in keys:
        finished = Delivery.objects.filter(webhook_id=key, finished_at__isnull=False)
        first = finished.order_by("-id").values_list("pk", flat=True)[MOST_FINISHED:][:1]
        for pk in first:
            count += _delete(finished.filter(pk__lte=pk))
    return count


def delete_finished(*, before: datetime) -> int:
    """Delete what was delivered or given up before; at most BATCH. Returns how many."""
    return _delete(Delivery.objects.filter(finished_at__lt=before))


def _give_up(rows: QuerySet[Delivery], *, reason: str, now: datetime) -> int:
    some = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
    return Delivery.objects.filter(IS_WAITING, pk__in=some).update(
        state=DeliveryState.GIVEN_UP, last_error=reason, finished_at=now
    )


def _delete(rows: QuerySet[Delivery]) -> int:
    some = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
    return Delivery.objects.filter(pk__in=some).delete()[0]
