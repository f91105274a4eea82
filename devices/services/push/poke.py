"""Waking devices that nobody has heard of for long, so that silence means something.

Whoever has commands is woken for them; a device without any would be silent for ever.
"""

import random
from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Coalesce

from devices.services.push.sources import SOURCES, PushSource, Rows, request_columns

SILENT_AFTER = timedelta(days=1)
# Not the same device again before; its earlier push is still kept by APNs.
AGAIN_AFTER = timedelta(hours=12)
MOST_IN_A_RUN, MOST_IN_AN_HOUR = 200, 1000
SPARE = 4
HOUR = timedelta(hours=1)


def poke_silent(*, now: datetime) -> int:
    """Ask for a push for some silent devices, drawn by lot; return for how many.

    The longer the silence, the better the chance. No more than MOST_IN_A_RUN at once and
    MOST_IN_AN_HOUR in an hour, in whatever number of runs.
    """
    return sum(_poke(source, now=now) for source in SOURCES)


def _poke(source: PushSource, *, now: datetime) -> int:
    silent = _list_silent(source, now=now)
    hour_ago = now - HOUR
    lately = Q(push_requested_at__gt=hour_ago) | Q(push_sent_at__gt=hour_ago)
    limit = min(MOST_IN_A_RUN, MOST_IN_AN_HOUR - silent.filter(lately).count())
    if limit <= 0:
        return 0
    resting = Q(push_not_before__gt=now) | Q(push_sent_at__gt=now - AGAIN_AFTER)
    candidates = silent.filter(push_requested_at=None, push_claimed_at=None).exclude(resting)
    drawn = _draw(candidates, now=now, limit=limit)
    rows = source.list_rows().filter(pk__in=drawn, push_requested_at=None)
    return source.update_free(rows, **request_columns(now))


def _list_silent(source: PushSource, *, now: datetime) -> Rows:
    heard = source.list_reachable().annotate(heard_at=Coalesce("last_seen_at", "created_at"))
    return heard.filter(heard_at__lte=now - SILENT_AFTER)


def _draw(rows: Rows, *, now: datetime, limit: int) -> list[int]:
    """Draw without replacement, weighted by the length of silence.

    The database draws some more evenly, so that no more than these are held in memory. The
    largest values of u ** (1 / weight) are such a draw: Efraimidis and Spirakis, "Weighted random
    sampling with a reservoir", 2006.
    """
    found = rows.order_by("?").values_list("pk", "heard_at")[: SPARE * limit]
    lots = {pk: random.random() ** (HOUR / (now - heard_at)) for pk, heard_at in found}  # noqa: S311
    return sorted(lots, key=lambda pk: lots[pk], reverse=True)[:limit]
