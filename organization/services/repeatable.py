"""Requests that a program may send again, because it does not know what came of the first."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from organization.errors import RequestDiffers
from organization.models import ApiKey, RepeatableRequest, lock_until_commit

KEPT = timedelta(hours=24)
# With each new one so many of those that are over go, so that they are never many.
FORGOTTEN_AT_ONCE = 20


@transaction.atomic
def make_once(
    key: ApiKey,
    *,
    text: str,
    asked: Any,
    make: Callable[[], str],
    now: datetime,
) -> str:
    """Return the public id of what `make` makes, or has made for this key under this `text`.

    What was made and the note of it are one transaction: neither is there without the other. Who
    asks at the same time waits for the first. `asked` is what the program wants, as JSON; raises
    RequestDiffers where it wanted something else under this text in the last 24 hours.
    """
    lock_until_commit(f"repeatable request {key.pk} {text}")
    rows = RepeatableRequest.objects.filter(key=key, text=text)
    fingerprint = _digest(asked)
    known = rows.filter(created_at__gt=now - KEPT).first()
    if known is not None:
        if known.fingerprint != fingerprint:
            raise RequestDiffers("Another request was sent with this Idempotency-Key.")
        return known.made
    rows.delete()
    _forget_old(now)
    made = make()
    RepeatableRequest.objects.create(
        key=key, text=text, fingerprint=fingerprint, made=made, created_at=now
    )
    return made


def _forget_old(now: datetime) -> None:
    """Leave those alone that another is deleting."""
    old = RepeatableRequest.objects.filter(created_at__lte=now - KEPT).order_by()
    free = old.select_for_update(skip_locked=True)[:FORGOTTEN_AT_ONCE]
    RepeatableRequest.objects.filter(pk__in=[row.pk for row in free]).delete()


def _digest(asked: Any) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
